"use strict";

// <drawing-board>: a canvas for label maps and sketches, with pointer, touch and keyboard.
// Needs raster.js and page.css.
//
//   board.setUp({ width, height, palette: [{ name, colour: "#0080ff" }, ...], anyColour })
//   board.imageData            the drawing, opaque RGBA
//   board.show(imageData)      replaces the drawing by a picture of the same size
//   board.clear()              fills it with the first colour of the palette
//   event "drawn"              after each finished change
//
// `anyColour` adds a field for colours that are not in the palette.

const BOARD_KEYS =
  "Arrow keys move the pen, with Shift by ten pixels. Space draws: a dot, then a line to each place " +
  "where Space is pressed with Shift; the second corner of a rectangle; or an area. " +
  "Digits choose a colour. Control Z takes the last change back.";
const MOST_UNDO_STEPS = 50;
let numBoards = 0; // so that the controls of each board have names of their own

class DrawingBoard extends HTMLElement {
  /** Make the controls and an empty drawing. */
  setUp({ width, height, palette, anyColour = false }) {
    const id = `board-${numBoards++}`;
    this.palette = palette;
    this.picture = { width, height, pixels: new Uint32Array(width * height) };
    this.pen = { x: Math.floor(width / 2), y: Math.floor(height / 2) };
    this.corner = null; // the first corner of a rectangle that is being drawn
    this.penDown = false;
    this.undone = [];
    this.done = [];
    this.innerHTML = `
      <div class="board-tools">
        <fieldset class="board-colours"><legend>Colour</legend></fieldset>
        <fieldset><legend>Tool</legend>
          <label><input type="radio" name="${id}-tool" value="brush" checked> Brush</label>
          <label><input type="radio" name="${id}-tool" value="rectangle"> Rectangle</label>
          <label><input type="radio" name="${id}-tool" value="fill"> Fill</label>
          <label>Width <input class="board-width" type="range" min="1" max="64" value="8"></label>
        </fieldset>
        <div class="board-buttons">
          <button type="button" data-action="undo">Undo</button>
          <button type="button" data-action="redo">Redo</button>
          <button type="button" data-action="clear">Clear</button>
        </div>
      </div>
      <div class="board-frame">
        <canvas tabindex="0" role="application" aria-roledescription="drawing canvas"
          aria-label="Drawing, ${width} by ${height} pixels" aria-describedby="${id}-keys"></canvas>
        <div class="board-cursor" aria-hidden="true" hidden></div>
      </div>
      <p id="${id}-keys" class="board-keys">${BOARD_KEYS}</p>
      <p class="visually-hidden" role="status"></p>`;
    this.addColours(id, anyColour);
    this.canvas = this.querySelector("canvas");
    Object.assign(this.canvas, { width, height });
    this.querySelector(".board-frame").style.aspectRatio = `${width} / ${height}`;
    this.listen();
    this.picture.pixels.fill(pixelOf(palette[0].colour));
    this.paint();
  }

  addColours(id, anyColour) {
    const fieldset = this.querySelector(".board-colours");
    for (const [index, { name, colour }] of this.palette.entries()) {
      const label = document.createElement("label");
      label.innerHTML = `<input type="radio" name="${id}-colour"> <span class="board-swatch"></span> `;
      const input = label.querySelector("input");
      input.value = colour;
      input.checked = index === Math.min(1, this.palette.length - 1); // the first is the background
      label.querySelector("span").style.background = colour;
      label.append(name);
      fieldset.append(label);
    }
    if (!anyColour) return;
    const label = document.createElement("label");
    label.innerHTML = `<input type="radio" name="${id}-colour" value=""> other <input type="color">`;
    const [radio, colour] = label.querySelectorAll("input");
    colour.setAttribute("aria-label", "other colour");
    colour.addEventListener("input", () => { radio.checked = true; });
    fieldset.append(label);
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.pointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.pointerMove(event));
    canvas.addEventListener("pointerup", (event) => this.pointerUp(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("keydown", (event) => this.keyDown(event));
    canvas.addEventListener("blur", () => this.showCursor(false));
    const actions = { undo: () => this.undo(), redo: () => this.redo(), clear: () => this.clear() };
    for (const button of this.querySelectorAll("button")) {
      button.addEventListener("click", actions[button.dataset.action]);
    }
  }

  // What the controls say.

  get tool() { return this.querySelector("[name$='-tool']:checked").value; }
  get diameter() { return Number(this.querySelector(".board-width").value); }
  get colour() {
    const chosen = this.querySelector("[name$='-colour']:checked");
    return chosen.value || this.querySelector("[type='color']").value;
  }

  get imageData() {
    const { width, height, pixels } = this.picture;
    return new ImageData(new Uint8ClampedArray(pixels.buffer.slice(0)), width, height);
  }

  show(imageData) {
    this.remember();
    this.picture.pixels.set(new Uint32Array(imageData.data.buffer.slice(0)));
    this.finish();
  }

  clear() {
    this.remember();
    this.picture.pixels.fill(pixelOf(this.palette[0].colour));
    this.finish();
  }

  // Undo and redo: copies of all pixels.

  remember() {
    this.done.push(this.picture.pixels.slice());
    this.done.splice(0, this.done.length - MOST_UNDO_STEPS);
    this.undone = [];
  }

  undo() { this.exchange(this.done, this.undone, "Undone"); }
  redo() { this.exchange(this.undone, this.done, "Redone"); }

  exchange(from, to, said) {
    if (from.length === 0) return;
    to.push(this.picture.pixels.slice());
    this.picture.pixels.set(from.pop());
    this.finish();
    this.say(said);
  }

  // Pointer: mouse, pen or finger.

  pointerDown(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.showCursor(false);
    this.pen = this.place(event);
    this.begin(this.pen);
  }

  pointerMove(event) {
    if (!this.penDown) return;
    // The browser joins several movements in one event.
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length > 0 ? moves : [event]) this.moveTo(this.place(move));
    this.paint();
  }

  pointerUp(event) {
    if (!this.penDown) return;
    this.moveTo(this.place(event));
    this.penDown = false;
    this.corner = null;
    this.finish();
  }

  cancel() {
    if (!this.penDown) return;
    this.penDown = false;
    this.corner = null;
    this.undo();
  }

  /** The pixel under the pointer, also where the pointer is beside the canvas. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.picture;
    return {
      x: Math.floor(((event.clientX - box.left) / box.width) * width),
      y: Math.floor(((event.clientY - box.top) / box.height) * height),
    };
  }

  begin(place) {
    this.remember();
    this.penDown = true;
    this.before = this.picture.pixels.slice();
    this.corner = place;
    if (this.tool === "fill") this.fill(place);
    else this.moveTo(place);
    this.paint();
  }

  fill({ x, y }) {
    const { width, height } = this.picture;
    const isInside = x >= 0 && x < width && y >= 0 && y < height; // not on the canvas's border
    if (isInside) fillArea(this.picture, x, y, pixelOf(this.colour));
  }

  moveTo(place) {
    const pixel = pixelOf(this.colour);
    if (this.tool === "brush") paintLine(this.picture, this.pen, place, this.diameter, pixel);
    if (this.tool === "rectangle") {
      this.picture.pixels.set(this.before);
      paintRectangle(this.picture, this.corner, place, pixel);
    }
    this.pen = place;
  }

  // Keyboard.

  keyDown(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in moves) this.movePen(moves[event.key], event.shiftKey ? 10 : 1);
    else if (event.key === " ") this.drawAtPen(event.shiftKey);
    else if (event.key === "Escape") this.corner = null;
    else if (/^[1-9]$/.test(event.key)) this.chooseColour(Number(event.key) - 1);
    else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
      if (event.shiftKey) this.redo();
      else this.undo();
    } else return;
    event.preventDefault();
  }

  movePen([right, down], pixels) {
    const { width, height } = this.picture;
    this.pen = {
      x: Math.min(width - 1, Math.max(0, this.pen.x + right * pixels)),
      y: Math.min(height - 1, Math.max(0, this.pen.y + down * pixels)),
    };
    this.showCursor(true);
    this.say(`Pen at ${this.pen.x}, ${this.pen.y}`);
  }

  drawAtPen(isLine) {
    const pixel = pixelOf(this.colour);
    const { picture, pen, tool } = this;
    this.showCursor(true);
    if (tool === "rectangle" && this.corner === null) {
      this.corner = pen;
      this.say("First corner");
      return;
    }
    this.remember();
    if (tool === "fill") this.fill(pen);
    if (tool === "rectangle") paintRectangle(picture, this.corner, pen, pixel);
    if (tool === "brush") {
      const from = isLine && this.lastDot ? this.lastDot : pen;
      paintLine(picture, from, pen, this.diameter, pixel);
      this.lastDot = pen;
    }
    this.corner = null;
    this.finish();
    this.say("Drawn");
  }

  chooseColour(index) {
    const radio = this.querySelectorAll("[name$='-colour']")[index];
    if (!radio) return;
    radio.checked = true;
    this.say(this.palette[index]?.name ?? "other colour");
  }

  // What is seen and heard.

  showCursor(isShown) {
    const cursor = this.querySelector(".board-cursor");
    const { width, height } = this.picture;
    cursor.hidden = !isShown;
    cursor.style.left = `${((this.pen.x + 0.5) / width) * 100}%`;
    cursor.style.top = `${((this.pen.y + 0.5) / height) * 100}%`;
  }

  say(text) { this.querySelector("[role='status']").textContent = text; }

  paint() { this.canvas.getContext("2d").putImageData(this.imageData, 0, 0); }

  finish() {
    this.paint();
    this.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  }
}

customElements.define("drawing-board", DrawingBoard);
