"use strict";

// The page of a server: choose a model, draw or choose a source, see its translation.

const element = (id) => document.getElementById(id);
const board = element("board");
let models = []; // of GET /models
let model = null; // the chosen one
let picture = null; // the chosen file, when the source is no drawing: {blob, name}
let begunWith = null; // the picture that the page itself has chosen, an example
let numAsked = 0; // translations that were asked for; the answer to the last one is shown

function say(text, isError = false) {
  element("status").textContent = text;
  element("status").classList.toggle("error", isError);
}

// The model.

async function loadModels() {
  models = await (await fetchFromServer("models")).json();
  for (const [index, each] of models.entries()) {
    element("model").add(new Option(`${each.model} (version ${each.version})`, index));
  }
  document.querySelector(".model-choice").hidden = false;
  await chooseModel(models[0]);
}

async function chooseModel(chosen) {
  model = chosen;
  const { source } = model;
  const scores = Object.entries(model.scores).filter(([name]) => /^test\/(l1|ssim|fid|kid)$/.test(name));
  element("about-model").textContent = [
    `${model.name}, version ${model.version}`,
    `trained for ${model.epoch} ${model.epoch === 1 ? "epoch" : "epochs"}`,
    ...scores.map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`),
  ].join(" · ");
  element("extra").setUp(model.extra_sources, "image/*,.npy");
  const [height, width] = model.drawing_size;
  board.setUp({ width, height, ...drawingColours(model) });
  const isDrawable = canBeDrawn(source);
  element("source-kind").hidden = !isDrawable;
  showKind(isDrawable ? "drawing" : "picture");
  if (picture === begunWith) forgetPicture(); // it is of another model
  await showExamples();
}

// The source.

function showKind(kind) {
  document.querySelector(`[name=kind][value=${kind}]`).checked = true;
  board.hidden = kind !== "drawing";
  element("picture").hidden = kind !== "picture";
}

function choosePicture(blob, name) {
  picture = { blob, name };
  showKind("picture");
  element("picture-name").textContent = name;
  showPreview();
}

async function showPreview() {
  const chosen = picture;
  const shown = await shownFile(chosen.blob, model.source);
  if (picture !== chosen) return; // another one was chosen in the meantime
  const preview = element("preview");
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(shown);
  preview.hidden = false;
}

function forgetPicture() {
  picture = begunWith = null;
  element("picture-name").textContent = "No picture is chosen yet.";
  element("preview").hidden = true;
}

/** Say of a file that the browser cannot show, such as TIFF, that it is chosen all the same. */
function leavePreviewOut() {
  element("preview").hidden = true;
  element("picture-name").textContent = `${picture.name} (this browser cannot show it)`;
}

async function showExamples() {
  const chosen = model;
  const tiles = Object.assign(document.createElement("div"), { className: "tiles" });
  document.querySelector("#examples .tiles").replaceWith(tiles);
  element("examples").hidden = chosen.num_examples === 0;
  for (let number = 0; number < chosen.num_examples; number++) {
    const { image, ...extra } = await exampleFiles(chosen, number);
    const shown = await shownFile(image, chosen.source);
    if (!tiles.isConnected) return; // a model was chosen in the meantime
    const name = `example ${number + 1}`;
    const tile = tileOf([URL.createObjectURL(shown)], name);
    tile.addEventListener("click", () => {
      choosePicture(image, name);
      for (const [source, file] of Object.entries(extra)) element("extra").choose(source, file, name);
      translateSource();
    });
    tiles.append(tile);
    if (number === 0) await beginWith(image, name);
  }
}

/**
 * Make an example the source where nothing has been drawn or chosen yet; a drawing, if it fits.
 *
 * Not of a model of several sources: who replaces one of them might not notice the others.
 */
async function beginWith(image, name) {
  const ofModel = model;
  if (Object.keys(model.extra_sources).length > 0) return;
  const drawing = await drawingOf(image);
  if (model !== ofModel || picture !== null || board.done.length > 0) return;
  if (drawing === null) {
    choosePicture(image, name);
    begunWith = picture;
  } else board.show(drawing);
  say(`The source is ${name}; press Translate.`);
}

/** What the board shows of a file; null if one cannot draw such a source, or not of this size. */
async function drawingOf(file) {
  if (element("source-kind").hidden) return null;
  const decoded = await decodePicture(file).catch(() => null); // no format that the browser reads
  const { width, height } = board.picture;
  return decoded?.width === width && decoded.height === height ? asDrawing(decoded, model) : null;
}

/** The files of an example by their fields in a request. */
async function exampleFiles(ofModel, number) {
  const files = {};
  for (const field of ["image", ...Object.keys(ofModel.extra_sources)]) {
    const query = new URLSearchParams({ model: ofModel.model, field });
    files[field] = await (await fetchFromServer(`examples/${number}?${query}`)).blob();
  }
  return files;
}

/** A button with small pictures and a caption. */
function tileOf(addresses, caption) {
  const tile = document.createElement("button");
  tile.type = "button";
  for (const address of addresses) {
    const image = Object.assign(document.createElement("img"), { src: address, alt: "" });
    image.addEventListener("error", () => image.remove()); // no format that the browser shows
    tile.append(image);
  }
  tile.append(Object.assign(document.createElement("small"), { textContent: caption }));
  return tile;
}

/** The first source that is to be translated: the file for the server, a picture to show, and a name. */
async function currentSource() {
  const isDrawing = !board.hidden;
  if (!isDrawing) {
    if (picture === null) throw new Error("Choose a picture first.");
    const { blob, name } = picture; // another one may be chosen while this one is read
    return { file: blob, shown: await shownFile(blob, model.source), name };
  }
  const { imageData } = board;
  const values = valuesOf(imageData, model.source, board.palette);
  const pixels = imageData.width * imageData.height;
  const shape = [imageData.height, imageData.width, values.length / pixels];
  const shown = await new Promise((resolve) => board.canvas.toBlob(resolve, "image/png"));
  return { file: npyFile(values, shape), shown, name: "drawing" };
}

// The translation.

async function translateSource() {
  const number = ++numAsked;
  const isLast = () => number === numAsked;
  element("translate").disabled = true;
  say("Translating ...");
  try {
    const source = await currentSource();
    const query = new URLSearchParams({ model: model.model });
    const body = new FormData();
    body.append("image", source.file);
    for (const [name, file] of Object.entries(element("extra").files)) body.append(name, file);
    const answer = await fetchFromServer(`translate?${query}`, { method: "POST", body });
    const entry = await entryOf(source, answer);
    remember(entry);
    showHistory();
    if (isLast()) {
      showEntry(entry);
      say("Done.");
    }
  } catch (error) {
    if (isLast()) say(error.message, true);
  }
  if (isLast()) element("translate").disabled = false;
}

/** What the history keeps of a translation. */
async function entryOf(source, answer) {
  const result = await answer.blob();
  const name = answer.headers.get("X-Model-Name");
  const version = answer.headers.get("X-Model-Version");
  const suffix = result.type === "image/png" ? "png" : "tif";
  return {
    source: await dataAddress(source.shown),
    result: await dataAddress(result),
    name: source.name,
    at: new Date().toLocaleTimeString(),
    fileName: `${source.name.replace(/\.\w+$/, "").replace(/[^\p{L}\p{N}_]+/gu, "-")}-translated.${suffix}`,
    by: `${name}, version ${version}; ${answer.headers.get("X-Model-Protocol")}`,
    unlike: answer.headers.get("X-Input-Unlike-Training"),
  };
}

function showEntry({ source, result, fileName, by, unlike }) {
  element("no-result").hidden = true;
  element("comparison").hidden = false;
  element("comparison").show(source, result);
  bringIntoSight(element("comparison"));
  element("made-by").textContent = by;
  element("unlike").hidden = unlike === null;
  element("unlike").textContent = `Unlike the training's images: ${unlike}. The translation may be poor.`;
  Object.assign(element("download"), { href: result, download: fileName, hidden: false });
}

/** Scroll as little as shows the whole element, once the size of its pictures is known. */
async function bringIntoSight(shown) {
  await Promise.allSettled([...shown.querySelectorAll("img")].map((image) => image.decode()));
  shown.scrollIntoView({ block: "nearest" });
}

function showHistory() {
  const entries = readHistory();
  element("history").hidden = entries.length === 0;
  const tiles = entries.map((entry, index) => {
    const tile = tileOf([entry.source, entry.result], `${entry.name}, ${entry.at}`);
    tile.setAttribute("aria-label", `translation ${index + 1}, ${entry.fileName}, by ${entry.by}`);
    tile.addEventListener("click", () => showEntry(entry));
    return tile;
  });
  document.querySelector("#history .tiles").replaceChildren(...tiles);
}

for (const radio of document.querySelectorAll("[name=kind]")) {
  radio.addEventListener("change", () => showKind(radio.value));
}
element("model").addEventListener("change", (event) => {
  chooseModel(models[event.target.value]).catch((error) => say(error.message, true));
});
element("preview").addEventListener("error", leavePreviewOut);
document.querySelector("picture-input").addEventListener("picture", ({ detail }) => {
  choosePicture(detail, detail.name);
});
element("translate").addEventListener("click", translateSource);
element("clear-history").addEventListener("click", () => {
  forgetHistory();
  showHistory();
});
showHistory();
loadModels().catch((error) => say(error.message, true));
