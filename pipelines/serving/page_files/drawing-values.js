"use strict";

// The values that a drawing has in the files of a model.

/** Whether one can draw a source: 8-bit colours, grey values or class ids. */
function canBeDrawn({ dtype, channels, num_labels: numLabels }) {
  return dtype === "uint8" && (numLabels === null ? [1, 3].includes(channels) : channels === 1);
}

/** The values of a drawing as the model's files have them: RGB, grey or class ids, row by row. */
function valuesOf(imageData, source, palette) {
  const { data } = imageData;
  if (source.num_labels === null) {
    const channels = source.channels;
    return pixelValues(data, channels, (first) => data.subarray(first, first + channels));
  }
  const ids = new Map(palette.map(({ colour, id }) => [rgbOf(colour).join(), id]));
  return pixelValues(data, 1, (first) => [ids.get(data.subarray(first, first + 3).join())]);
}

function pixelValues(data, channels, valuesAt) {
  const values = new Uint8Array((data.length / 4) * channels);
  for (let pixel = 0; pixel < data.length / 4; pixel++) {
    values.set(valuesAt(4 * pixel), pixel * channels);
  }
  return values;
}
