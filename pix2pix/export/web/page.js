"use strict";

// The page itself: what happens when something is drawn, chosen or translated.

const facts = JSON.parse(document.getElementById("facts").textContent);
const board = document.querySelector("drawing-board");
const comparison = document.querySelector("before-after");
const button = document.getElementById("translate-button");
const download = document.getElementById("download");
const statusLine = document.getElementById("status");

let chosen = null; // a picture that was uploaded, until something is drawn
let session = null; // the model in onnxruntime, a promise once it is needed

/** The bytes that an element holds as base64 of gzip, decoded in parts to save memory. */
async function embedded(id) {
  const text = document.getElementById(id).textContent.trim();
  const length = 4 * 2 ** 20;
  const parts = new ReadableStream({
    start(controller) { this.first = 0; },
    pull(controller) {
      if (this.first >= text.length) return controller.close();
      const letters = atob(text.slice(this.first, this.first + length));
      const bytes = new Uint8Array(letters.length);
      for (let index = 0; index < letters.length; index++) bytes[index] = letters.charCodeAt(index);
      this.first += length;
      controller.enqueue(bytes);
    },
  });
  return new Response(parts.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Start onnxruntime with the model; both are in this page. */
async function startSession() {
  const script = await embedded("runtime-script");
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const ort = await import(address);
  URL.revokeObjectURL(address);
  ort.env.wasm.numThreads = 1; // a page from a file cannot share memory between threads
  ort.env.wasm.wasmBinary = await embedded("runtime-wasm");
  const model = new Uint8Array(await embedded("model"));
  const created = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  return async (inputs) => {
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { dims, data }]) => [
        name,
        new ort.Tensor("float32", data, dims),
      ]),
    );
    return (await created.run(feeds)).fake.data;
  };
}

function say(text, isError = false) {
  statusLine.textContent = text;
  statusLine.classList.toggle("error", isError);
}

/** Let the browser show what was said before the work begins, which blocks the page. */
function shown() {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

async function translateChosen() {
  button.disabled = true;
  say(session === null ? "The model is being started ..." : "Translating ...");
  await shown();
  try {
    session ??= startSession();
    const run = await session;
    const source = chosen ?? board.imageData;
    const started = performance.now();
    const image = await translate(source, facts, run, { isDrawn: chosen === null });
    show(source, asImageData(image, facts.target));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    say(`Translated ${source.width} by ${source.height} pixels in ${seconds} seconds, in this browser.`);
  } catch (error) {
    say(error.message, true);
  }
  button.disabled = false;
}

function show(source, result) {
  comparison.show(source, result);
  comparison.hidden = false;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: result.width, height: result.height });
  canvas.getContext("2d").putImageData(result, 0, 0);
  download.href = canvas.toDataURL("image/png");
  download.hidden = false;
}

async function takePicture(file, name) {
  try {
    chosen = await decodePicture(file);
  } catch {
    say(`${name} is no picture that this browser can read.`, true);
    return;
  }
  const { width, height } = board.picture;
  if (chosen.width === width && chosen.height === height && facts.source.num_labels === null) {
    board.show(chosen); // it can be drawn on; its event makes the drawing the source
    say(`${name} is on the canvas.`);
    return;
  }
  say(`${name}: ${chosen.width} by ${chosen.height} pixels.`);
  await translateChosen();
}

board.setUp({ ...facts.board, ...drawingColours(facts) });
board.addEventListener("drawn", () => { chosen = null; });
button.addEventListener("click", translateChosen);
document.querySelector("picture-input").addEventListener("picture", ({ detail }) =>
  takePicture(detail, detail.name),
);
for (const example of document.querySelectorAll("[data-example]")) {
  example.addEventListener("click", async () => {
    const letters = atob(example.querySelector("img").src.split(",")[1]);
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    await takePicture(new Blob([bytes], { type: "image/png" }), example.dataset.example);
    await translateChosen();
  });
}
