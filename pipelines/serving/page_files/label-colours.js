"use strict";

// What one can draw with: the label colours of a model, and the pixels that a drawing becomes.

const NAMED_COLOURS = {
  black: "#000000", white: "#ffffff", grey: "#909090", "dark grey": "#404040", red: "#e01020",
  "dark red": "#800010", "dark blue": "#101870", "dark green": "#105020", orange: "#ff8c00",
  yellow: "#ffe000", green: "#00a030", "light green": "#80f060", turquoise: "#20d0d0",
  "light blue": "#60b0ff", blue: "#1030e0", violet: "#8020d0", pink: "#ff8090", magenta: "#c03098",
  plum: "#781458", brown: "#805020",
};
const SKETCH_PALETTE = ["#ffffff", "#000000"]; // for sources that are no label maps
const GOLDEN_ANGLE_DEG = 137.5; // consecutive ids get colours far from each other

/** The palette of a drawing board for a model of `GET /models`: {name, color, id}. */
function paletteOf(model) {
  const { source } = model;
  if (source.num_labels !== null) return classPalette(source);
  return withNames(model.palette ?? SKETCH_PALETTE);
}

/** A colour of its own for each class id; files hold the id and not the colour. */
function classPalette({ num_labels: numLabels, void_label: voidLabel }) {
  const palette = Array.from({ length: numLabels }, (_, id) => ({
    name: `class ${id}`,
    color: hexOf((id * GOLDEN_ANGLE_DEG) % 360, id % 2 === 0 ? 45 : 65),
    id,
  }));
  if (voidLabel !== null) palette.push({ name: "no class", color: "#000000", id: voidLabel });
  return palette;
}

function hexOf(hueDeg, lightness) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = `hsl(${hueDeg} 70% ${lightness}%)`;
  return context.fillStyle; // the browser answers with #rrggbb
}

/** Name colours by the nearest one that has a name, with a number where several share it. */
function withNames(colors) {
  const counts = {};
  return colors.map((color) => {
    const name = nearestName(color);
    counts[name] = (counts[name] ?? 0) + 1;
    return { name: counts[name] === 1 ? name : `${name} ${counts[name]}`, color };
  });
}

function nearestName(color) {
  const distance = ([, named]) =>
    rgbOf(named).reduce((sum, value, index) => sum + (value - rgbOf(color)[index]) ** 2, 0);
  const nearest = (best, each) => (distance(each) < distance(best) ? each : best);
  return Object.entries(NAMED_COLOURS).reduce(nearest)[0];
}

function rgbOf(color) {
  return [1, 3, 5].map((first) => parseInt(color.slice(first, first + 2), 16));
}

/** Whether one can draw a source: 8-bit colours, grey values or class ids. */
function canBeDrawn({ dtype, channels, num_labels: numLabels }) {
  return dtype === "uint8" && (numLabels === null ? [1, 3].includes(channels) : channels === 1);
}

/** The values of a drawing as the model's files have them: RGB, grey or class ids, row by row. */
function valuesOf(imageData, { source }, palette) {
  const { data } = imageData;
  if (source.num_labels === null) {
    const channels = source.channels;
    return pixelValues(data, channels, (first) => data.subarray(first, first + channels));
  }
  const ids = new Map(palette.map(({ color, id }) => [rgbOf(color).join(), id]));
  return pixelValues(data, 1, (first) => [ids.get(data.subarray(first, first + 3).join())]);
}

function pixelValues(data, channels, valuesAt) {
  const values = new Uint8Array((data.length / 4) * channels);
  for (let pixel = 0; pixel < data.length / 4; pixel++) {
    values.set(valuesAt(4 * pixel), pixel * channels);
  }
  return values;
}
