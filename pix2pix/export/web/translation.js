"use strict";

// Translate a picture with the model of this page, as pix2pix.inference.Translator does.
// `facts` is the description that is also inside the ONNX file, with more of the page's own.

const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601

/** The values of a side's files from 8-bit RGBA: {height, width, channels, values}. */
function sourceImage({ width, height, data }, side, { isDrawn }) {
  const pixel = pixelReader(side, isDrawn);
  const values = new Float32Array(height * width * side.channels);
  for (let place = 0; place < height * width; place++) {
    values.set(pixel(data.subarray(4 * place, 4 * place + 4)), place * side.channels);
  }
  return { height, width, channels: side.channels, values };
}

/** A function from the four bytes of a pixel to the values that the side's files would hold. */
function pixelReader(side, isDrawn) {
  if (side.num_labels !== null) return isDrawn ? drawnClass(side) : storedClass(side);
  const [low, high] = side.value_range;
  const scaled = (byte) => (side.dtype === "uint8" ? byte : low + (byte / 255) * (high - low));
  if (side.channels === 1) {
    return ([red, green, blue]) => [
      scaled(rint(LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)),
    ];
  }
  return (bytes) => Array.from(bytes.subarray(0, side.channels), scaled);
}

/** The class ids of a drawing; pixels without a class have the id after the last class. */
function drawnClass(side) {
  const ids = new Map(classPalette(side).map(({ colour }, id) => [parseInt(colour.slice(1), 16), id]));
  return ([red, green, blue]) => [ids.get((red << 16) | (green << 8) | blue) ?? 0];
}

/** The class ids of a file, whose grey values they are. */
function storedClass({ num_labels: numLabels, void_label: voidLabel }) {
  return ([red, green, blue]) => {
    if (red === voidLabel) return [numLabels];
    if (red !== green || red !== blue || red >= numLabels) {
      throw new Error(
        `This model reads class ids 0 to ${numLabels - 1} as grey values; the picture has the ` +
          `colour ${red}, ${green}, ${blue}.`,
      );
    }
    return [red];
  };
}

/** The size at which the network receives an image, and that of the result. */
function sizes({ height, width }, { rule, size, target_scale: scale }) {
  const result = scale === 1
    ? [height, width]
    : [height, width].map((side) => Math.max(1, rint(side * scale)));
  if (rule === "none") return { inner: result, result };
  if (rule === "stretch") return { inner: typeof size === "number" ? [size, size] : size, result };
  const shorter = Math.min(...result);
  const inner = result.map((side) => Math.floor((2 * side * size + shorter) / (2 * shorter)));
  return { inner, result };
}

/**
 * The images of all sources, first those of the first one. Of images that should be as large as the
 * first source, one row or column too many is cut off. `extra` has ImageData by name.
 */
function sourceImages(imageData, extra, { source, extra_sources: extraSides }, { isDrawn }) {
  const first = sourceImage(imageData, source, { isDrawn });
  const others = extraSides.map((side) => {
    const image = sourceImage(extra[side.name], side, { isDrawn: false });
    checkRatio(image, first, side);
    return image;
  });
  const areAlike = [true, ...extraSides.map(({ scale }) => scale === 1)];
  const images = [first, ...others];
  const alike = images.filter((_, index) => areAlike[index]);
  const height = Math.min(...alike.map((image) => image.height));
  const width = Math.min(...alike.map((image) => image.width));
  return images.map((image, index) => (areAlike[index] ? cut(image, height, width) : image));
}

function checkRatio(image, first, { name, scale }) {
  if (scale === null) return;
  const isFar = (side) => Math.abs(image[side] - first[side] * scale) > Math.max(scale, 1);
  if (isFar("height") || isFar("width")) {
    throw new Error(
      `The picture ${name} has ${image.width} by ${image.height} pixels and the source ` +
        `${first.width} by ${first.height}; it must be ${scale === 1 ? "as" : `${scale} times as`} large.`,
    );
  }
}

/** The upper left part of an image. */
function cut(image, height, width) {
  if (image.height === height && image.width === width) return image;
  const line = width * image.channels;
  const values = new Float32Array(height * line);
  for (let row = 0; row < height; row++) {
    const first = row * image.width * image.channels;
    values.set(image.values.subarray(first, first + line), row * line);
  }
  return { ...image, height, width, values };
}

/** Pixels as the network's input: channels first, in [-1, 1], or a channel of 0 and 1 per class. */
function networkInput(image, side) {
  if (side.encoding === "one_hot") return oneHot(image, side);
  const { height, width, channels, values } = image;
  const [low, high] = side.value_range;
  const input = new Float32Array(values.length);
  for (let place = 0; place < height * width; place++) {
    for (let channel = 0; channel < channels; channel++) {
      const value = values[place * channels + channel];
      input[channel * height * width + place] = (value - low) * (2 / (high - low)) - 1;
    }
  }
  return input;
}

function oneHot({ height, width, values }, { input_channels: [first, end] }) {
  const input = new Float32Array((end - first) * height * width);
  values.forEach((id, place) => { input[id * height * width + place] = 1; });
  return input;
}

/** The network's output as values of the target's files. */
function targetImage(output, height, width, side) {
  const [low, high] = side.value_range;
  const { channels, dtype } = side;
  const values = new Float32Array(output.length);
  for (let place = 0; place < height * width; place++) {
    for (let channel = 0; channel < channels; channel++) {
      const value = (output[channel * height * width + place] + 1) * ((high - low) / 2) + low;
      const inside = Math.min(high, Math.max(low, value));
      values[place * channels + channel] =
        dtype === "float32" ? inside : Math.min(topOf(side), Math.max(0, rint(inside)));
    }
  }
  return { height, width, channels, values };
}

/**
 * The dropout masks of an image of this size: {name: {dims, data}}. Those of the training's size
 * are in the page: they are Translator's. For other sizes they are drawn, from the model's seed.
 */
function dropoutMasks(height, width, { dropout, padding, seed }) {
  const multiple = padding.multiple_px;
  const [rows, columns] = [height, width].map((side) => Math.ceil(side / multiple) * multiple);
  const random = randomNumbers(seed);
  return Object.fromEntries(
    dropout.masks.map((mask) => {
      const dims = [mask.channels, rows / mask.stride, columns / mask.stride];
      const length = dims[0] * dims[1] * dims[2];
      const isStored = mask.dims?.every((each, axis) => each === dims[axis]);
      const kept = isStored ? storedBits(mask.bits) : () => random() >= dropout.probability;
      const value = 1 / (1 - dropout.probability);
      const data = Float32Array.from({ length }, (_, index) => (kept(index) ? value : 0));
      return [mask.name, { dims, data }];
    }),
  );
}

/** A function from an index to the bit of that index. */
function storedBits(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return (index) => (bytes[index >> 3] >> (7 - (index & 7))) & 1;
}

/** Random numbers in [0, 1) from a seed (mulberry32). */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Translate ImageData, with further ones by name in `extra` if the model has several sources; `run`
 * computes the network. The result has the values of files.
 */
async function translate(imageData, facts, run, { isDrawn, extra = {} }) {
  const { target, resize: rule } = facts;
  const images = sourceImages(imageData, extra, facts, { isDrawn });
  const { inner: [height, width], result } = sizes(images[0], rule);
  checkSize(height, width);
  const sides = [facts.source, ...facts.extra_sources];
  const inputs = images.map((image, index) => {
    const side = sides[index];
    return networkInput(resize(image, height, width, { ...side, top: topOf(side) }), side);
  });
  const data = joined(inputs);
  const output = await run({
    source: { dims: [1, data.length / (height * width), height, width], data },
    ...dropoutMasks(height, width, facts),
  });
  const fake = targetImage(output, height, width, target);
  const kernel = target.kernel === "area" ? "bilinear" : target.kernel;
  return resize(fake, ...result, { ...target, kernel, top: topOf(target) });
}

function joined(inputs) {
  const data = new Float32Array(inputs.reduce((sum, { length }) => sum + length, 0));
  let first = 0;
  for (const input of inputs) {
    data.set(input, first);
    first += input.length;
  }
  return data;
}

const MOST_PIXELS = 2 ** 22;

function checkSize(height, width) {
  if (height * width > MOST_PIXELS) {
    throw new Error(
      `A picture of ${width} by ${height} pixels is too large for the browser; choose one of at ` +
        "most 4 million pixels, or use `pix2pix translate`.",
    );
  }
}

function topOf({ dtype }) {
  return { uint8: 255, uint16: 65535, float32: 1 }[dtype];
}

/** Values of files as 8-bit RGBA: their range becomes 0 to 255. */
function asImageData({ height, width, channels, values }, { value_range: [low, high], alpha }) {
  const pixels = new ImageData(width, height);
  const byte = (value) => rint(Math.min(1, Math.max(0, (value - low) / (high - low))) * 255);
  const colours = alpha ? channels - 1 : Math.min(channels, 3);
  for (let place = 0; place < height * width; place++) {
    const bytes = pixels.data.subarray(4 * place, 4 * place + 4);
    const stored = values.subarray(place * channels, (place + 1) * channels);
    for (let channel = 0; channel < 3; channel++) {
      // One channel becomes grey, two become red and green.
      const shown = colours === 1 ? 0 : channel;
      bytes[channel] = shown < colours ? byte(stored[shown]) : 0;
    }
    bytes[3] = alpha ? byte(stored[channels - 1]) : 255;
  }
  return pixels;
}
