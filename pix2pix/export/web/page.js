"use strict";

// The page itself: what happens when something is drawn, chosen or translated.

const facts = JSON.parse(document.getElementById("facts").textContent);
const board = document.querySelector("drawing-board");
const extraSources = document.querySelector("extra-sources");
const comparison = document.querySelector("before-after");
const button = document.getElementById("translate-button");
const download = document.getElementById("download");
const statusLine = document.getElementById("status");

let chosen = null; // a picture that was uploaded, until something is drawn
let session = null; // the model in onnxruntime, a promise once it is needed
let numAsked = 0; // what a person has asked for, also before; the answer to the last is shown

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

/** Note that a person asks for something. The result tells whether nothing was asked for since. */
function asked() {
  const number = ++numAsked;
  return () => number === numAsked;
}

async function translateChosen(isLast) {
  button.disabled = true;
  say(session === null ? "The model is being started ..." : "Translating ...");
  await shown();
  try {
    session ??= startSession();
    const run = await session;
    if (!isLast()) return;
    const isDrawn = chosen === null;
    const source = chosen ?? board.imageData;
    const extra = await extraPictures();
    const started = performance.now();
    const image = await translate(source, facts, run, { isDrawn, extra });
    if (!isLast()) return;
    show(isDrawn ? source : asDrawing(source, facts) ?? source, asImageData(image, facts.target));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    say(`Translated ${source.width} by ${source.height} pixels in ${seconds} seconds, in this browser.`);
  } catch (error) {
    if (isLast()) say(error.message, true);
  } finally {
    button.disabled = false;
  }
}

/** The pictures of the extra sources by name. */
async function extraPictures() {
  const decoded = Object.entries(extraSources.files).map(async ([name, file]) => [
    name,
    await decoded8Bit(file, file.name ?? name),
  ]);
  return Object.fromEntries(await Promise.all(decoded));
}

async function decoded8Bit(file, name) {
  try {
    return await decodePicture(file);
  } catch {
    throw new Error(`${name} is no picture that this browser can read.`);
  }
}

function show(source, result) {
  comparison.show(source, result);
  comparison.hidden = false;
  download.href = pictureElement(result, "translation").toDataURL("image/png");
  download.hidden = false;
}

/** Make a picture the first source; on the canvas, where it fits, it can be drawn on. */
async function takePicture(file, name, isLast) {
  const decoded = await decoded8Bit(file, name);
  if (!isLast()) return;
  chosen = decoded;
  const { width, height } = board.picture;
  const fits = chosen.width === width && chosen.height === height;
  const drawing = fits ? asDrawing(chosen, facts) : null;
  if (drawing !== null) {
    board.show(drawing); // whose event makes the drawing the source
    say(`${name} is on the canvas.`);
    return;
  }
  say(`${name}: ${chosen.width} by ${chosen.height} pixels.`);
}

async function takeUpload({ detail: file }) {
  const isLast = asked();
  try {
    await takePicture(file, file.name, isLast);
  } catch (error) {
    if (isLast()) say(error.message, true);
    return;
  }
  const isComplete = chosen !== null && facts.extra_sources.length === 0;
  if (isComplete && isLast()) await translateChosen(isLast);
}

/** The file of an example's picture; `showClasses` changes what is shown of it. */
function exampleFile(image) {
  const letters = atob((image.dataset.file ?? image.src).split(",")[1]);
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}

/** Show the class ids of an example in the colours of the canvas. */
async function showClasses(image) {
  const file = exampleFile(image);
  const shown = await shownFile(file, facts.source);
  if (shown === file) return;
  image.dataset.file = image.src;
  image.src = URL.createObjectURL(shown);
}

async function chooseExample(button, isLast) {
  for (const image of button.querySelectorAll("img")) {
    const file = exampleFile(image);
    const { source } = image.dataset;
    if (source === facts.source.name) await takePicture(file, button.ariaLabel, isLast);
    else extraSources.choose(source, file, button.ariaLabel);
  }
}

async function takeExample(button) {
  const isLast = asked();
  await chooseExample(button, isLast);
  if (isLast()) await translateChosen(isLast);
}

extraSources.setUp(Object.fromEntries(facts.extra_sources.map((side) => [side.name, side])));
board.setUp({ ...facts.board, ...drawingColours(facts) });
board.addEventListener("drawn", () => { chosen = null; });
button.addEventListener("click", () => translateChosen(asked()));
document.querySelector("picture-input").addEventListener("picture", takeUpload);
const examples = document.querySelectorAll(".examples button");
for (const example of examples) example.addEventListener("click", () => takeExample(example));
for (const example of examples) showClasses(example.querySelector("img"));
// The page does not begin empty. Of several sources, who replaces one might not notice the others.
if (examples.length > 0 && facts.extra_sources.length === 0) {
  const greeting = statusLine.textContent;
  const isLast = asked();
  chooseExample(examples[0], isLast).then(() => { if (isLast()) say(greeting); });
}
