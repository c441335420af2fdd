"use strict";

// Shapes drawn pixel by pixel, without antialiasing: on a label map, a mixture of two colours would
// be no label. A picture is {width, height, pixels}, with one 32-bit number per pixel, row by row.

/** The number of an opaque pixel of a colour such as "#0080ff", as ImageData stores it. */
function pixelOf(colour) {
  const rgb = parseInt(colour.slice(1), 16);
  const [red, green, blue] = [rgb >> 16, (rgb >> 8) & 255, rgb & 255];
  const bytes = new Uint8Array([red, green, blue, 255]);
  return new Uint32Array(bytes.buffer)[0];
}

/** Paint a disc whose centre is the pixel (x, y); parts outside of the picture are left out. */
function paintDisc(picture, x, y, diameter, pixel) {
  const radius = diameter / 2;
  const reach = Math.ceil(radius);
  for (let row = Math.max(0, y - reach); row <= Math.min(picture.height - 1, y + reach); row++) {
    for (let column = Math.max(0, x - reach); column <= Math.min(picture.width - 1, x + reach); column++) {
      if ((column - x) ** 2 + (row - y) ** 2 < radius ** 2) {
        picture.pixels[row * picture.width + column] = pixel;
      }
    }
  }
}

/** Paint a line of round ends from one point {x, y} to another one. */
function paintLine(picture, from, to, diameter, pixel) {
  const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1);
  for (let step = 0; step <= steps; step++) {
    const x = Math.round(from.x + ((to.x - from.x) * step) / steps);
    const y = Math.round(from.y + ((to.y - from.y) * step) / steps);
    paintDisc(picture, x, y, diameter, pixel);
  }
}

/** Paint the rectangle that has two points as opposite corners; both corners are part of it. */
function paintRectangle(picture, from, to, pixel) {
  const left = Math.max(0, Math.min(from.x, to.x));
  const right = Math.min(picture.width - 1, Math.max(from.x, to.x));
  const top = Math.max(0, Math.min(from.y, to.y));
  const bottom = Math.min(picture.height - 1, Math.max(from.y, to.y));
  for (let row = top; row <= bottom; row++) {
    const first = row * picture.width;
    picture.pixels.fill(pixel, first + left, first + right + 1);
  }
}

/** Paint the area of equal pixels around (x, y), neighbours being those at the four sides. */
function fillArea(picture, x, y, pixel) {
  const { width, height, pixels } = picture;
  const old = pixels[y * width + x];
  if (old === pixel) return;
  const places = [y * width + x];
  while (places.length > 0) {
    const place = places.pop();
    if (pixels[place] !== old) continue;
    pixels[place] = pixel;
    const column = place % width;
    if (column > 0) places.push(place - 1);
    if (column < width - 1) places.push(place + 1);
    if (place >= width) places.push(place - width);
    if (place < width * (height - 1)) places.push(place + width);
  }
}
