"use strict";

// Resize images as pix2pix.images.resize.resize does. An image is {height, width, channels, values}
// with float values row by row, the channels of a pixel side by side.

/** The nearest integer; halves go to the even one, as numpy rounds. */
function rint(value) {
  const whole = Math.round(value);
  return whole - value === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
}

/** Kernels as functions of the distance from the new pixel's centre, and how far they reach. */
const KERNELS = {
  bilinear: { reach: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { reach: 2, weight: cubic },
};

function cubic(x) {
  const [distance, sharpness] = [Math.abs(x), -0.5];
  if (distance < 1) return ((sharpness + 2) * distance - (sharpness + 3)) * distance ** 2 + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * sharpness;
  return 0;
}

/** For each new place on a line: the first old place, and the weights of it and of those after it. */
function lineWeights(oldLength, newLength, kernel) {
  const step = oldLength / newLength;
  return Array.from({ length: newLength }, (_, place) => {
    if (kernel === "nearest") {
      return { first: Math.floor(((2 * place + 1) * oldLength) / (2 * newLength)), weights: [1] };
    }
    return kernel === "area"
      ? coverage(place * step, (place + 1) * step, oldLength)
      : filtered((place + 0.5) * step, Math.max(step, 1), oldLength, KERNELS[kernel]);
  });
}

/** The share of each old pixel in the interval from `start` to `end`. */
function coverage(start, end, oldLength) {
  const first = Math.min(Math.floor(start + 1e-9), oldLength - 1);
  const last = Math.max(first, Math.min(Math.ceil(end - 1e-9), oldLength) - 1);
  const weights = [];
  for (let place = first; place <= last; place++) {
    weights.push(Math.min(end, place + 1) - Math.max(start, place));
  }
  return { first, weights: normalized(weights) };
}

/** The weights of a kernel that is as wide as a new pixel, or an old one if those are larger. */
function filtered(centre, scale, oldLength, { reach, weight }) {
  const first = Math.max(0, Math.floor(centre - reach * scale + 0.5));
  const end = Math.min(oldLength, Math.floor(centre + reach * scale + 0.5));
  const weights = [];
  for (let place = first; place < end; place++) weights.push(weight((place - centre + 0.5) / scale));
  return { first, weights: normalized(weights) };
}

function normalized(weights) {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Resize without rounding. */
function resampled(image, height, width, kernel) {
  const wide = alongLines(image, width, lineWeights(image.width, width, kernel));
  return alongColumns(wide, height, lineWeights(image.height, height, kernel));
}

function alongLines({ height, width, channels, values }, newWidth, places) {
  const result = new Float32Array(height * newWidth * channels);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < newWidth; column++) {
      const { first, weights } = places[column];
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let index = 0; index < weights.length; index++) {
          sum += weights[index] * values[(row * width + first + index) * channels + channel];
        }
        result[(row * newWidth + column) * channels + channel] = sum;
      }
    }
  }
  return { height, width: newWidth, channels, values: result };
}

function alongColumns({ width, channels, values }, newHeight, places) {
  const line = width * channels;
  const result = new Float32Array(newHeight * line);
  for (let row = 0; row < newHeight; row++) {
    const { first, weights } = places[row];
    for (let place = 0; place < line; place++) {
      let sum = 0;
      for (let index = 0; index < weights.length; index++) {
        sum += weights[index] * values[(first + index) * line + place];
      }
      result[row * line + place] = sum;
    }
  }
  return { height: newHeight, width, channels, values: result };
}

/**
 * Resize an image of a side. `side` has kernel, dtype, alpha and, as `top`, the largest value.
 * With `alpha` the last channel is opacity and weights the colours.
 */
function resize(image, height, width, side) {
  if (image.height === height && image.width === width) return image;
  const weighted = side.alpha && side.kernel !== "nearest";
  const given = weighted ? withColoursWeighted(image, side.top) : image;
  const result = resampled(given, height, width, side.kernel);
  if (weighted) divideByAlpha(result, side.top);
  if (side.dtype === "float32") return result;
  result.values = result.values.map((value) => Math.min(side.top, Math.max(0, rint(value))));
  return result;
}

function withColoursWeighted(image, top) {
  const values = image.values.slice();
  for (let first = 0; first < values.length; first += image.channels) {
    const alpha = values[first + image.channels - 1] / top;
    for (let channel = 0; channel < image.channels - 1; channel++) values[first + channel] *= alpha;
  }
  return { ...image, values };
}

function divideByAlpha({ channels, values }, top) {
  for (let first = 0; first < values.length; first += channels) {
    const alpha = values[first + channels - 1] / top;
    for (let channel = 0; alpha > 1e-6 && channel < channels - 1; channel++) {
      values[first + channel] /= alpha;
    }
  }
}
