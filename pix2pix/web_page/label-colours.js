"use strict";

// What one can draw with: the label colours of a model. `shownFile` needs picture-input.js and
// before-after.js.

const NAMED_COLOURS = {
  black: "#000000", white: "#ffffff", grey: "#909090", "dark grey": "#404040", red: "#e01020",
  "dark red": "#800010", "dark blue": "#101870", "dark green": "#105020", orange: "#ff8c00",
  yellow: "#ffe000", green: "#00a030", "light green": "#80f060", turquoise: "#20d0d0",
  "light blue": "#60b0ff", blue: "#1030e0", violet: "#8020d0", pink: "#ff8090", magenta: "#c03098",
  plum: "#781458", brown: "#805020", tan: "#d0a060", beige: "#e8dcc0", "blue grey": "#506890",
};
const SKETCH_PALETTE = ["#ffffff", "#000000", "#909090"]; // for sources that are no label maps
const GOLDEN_ANGLE_DEG = 137.5; // consecutive ids get colours far from each other

/**
 * What `DrawingBoard.setUp` needs to know of a model: {palette, anyColour}.
 *
 * `source` is the side with its num_labels and void_label; `palette` holds the colours of its label
 * maps as "#rrggbb", and is null if it has none.
 */
function drawingColours({ source, palette }) {
  if (source.num_labels !== null) return { palette: classPalette(source), anyColour: false };
  return { palette: withNames(palette ?? SKETCH_PALETTE), anyColour: palette === null };
}

/**
 * A colour of its own for each class id, {name, colour, id}; files hold the id and not the colour.
 * The order is that of the ids; pixels without a class come last.
 */
function classPalette({ num_labels: numLabels, void_label: voidLabel }) {
  const palette = Array.from({ length: numLabels }, (_, id) => ({
    name: `class ${id}`,
    colour: hexOf((id * GOLDEN_ANGLE_DEG) % 360, id % 2 === 0 ? 45 : 65),
    id,
  }));
  if (voidLabel !== null) palette.push({ name: "no class", colour: "#000000", id: voidLabel });
  return palette;
}

/**
 * A picture as one would draw it: class ids, which are grey values, in the colours of their classes.
 * Null if a class id has no colour.
 */
function asDrawing(picture, { source }) {
  if (source.num_labels === null) return picture;
  const colours = new Map(classPalette(source).map(({ colour, id }) => [id, rgbOf(colour)]));
  const { width, height } = picture;
  const data = picture.data.slice();
  for (let first = 0; first < data.length; first += 4) {
    const [red, green, blue] = data.subarray(first, first + 3);
    const colour = red === green && red === blue ? colours.get(red) : undefined;
    if (colour === undefined) return null;
    data.set(colour, first);
  }
  return new ImageData(data, width, height);
}

/**
 * What to show of a file of a side: class ids, which are nearly black, in the colours of their
 * classes, and any other file as it is.
 */
async function shownFile(file, side) {
  if (side.num_labels === null || side.dtype !== "uint8") return file; // browsers keep 8 bits
  const decoded = await decodePicture(file).catch(() => null); // no format that the browser reads
  const drawing = decoded && asDrawing(decoded, { source: side });
  if (!drawing) return file;
  const canvas = pictureElement(drawing, "");
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function hexOf(hueDeg, lightness) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = `hsl(${hueDeg} 70% ${lightness}%)`;
  return context.fillStyle; // the browser answers with #rrggbb
}

/** Name colours by the nearest one that has a name, with a number where several share it. */
function withNames(colours) {
  const counts = {};
  return colours.map((colour) => {
    const name = nearestName(colour);
    counts[name] = (counts[name] ?? 0) + 1;
    return { name: counts[name] === 1 ? name : `${name} ${counts[name]}`, colour };
  });
}

function nearestName(colour) {
  const distance = ([, named]) =>
    rgbOf(named).reduce((sum, value, index) => sum + (value - rgbOf(colour)[index]) ** 2, 0);
  const nearest = (best, each) => (distance(each) < distance(best) ? each : best);
  return Object.entries(NAMED_COLOURS).reduce(nearest)[0];
}

function rgbOf(colour) {
  return [1, 3, 5].map((first) => parseInt(colour.slice(first, first + 2), 16));
}
