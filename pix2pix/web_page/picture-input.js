"use strict";

// <picture-input>: choose, drop or paste a picture file.
//
//   event "picture"            event.detail is the File
//   decodePicture(file)        its pixels in the browser: a promise of ImageData, 8-bit RGBA

class PictureInput extends HTMLElement {
  connectedCallback() {
    const types = this.getAttribute("accept") ?? "image/*";
    this.innerHTML = `
      <label class="picture-drop">
        <span><strong>Choose a picture</strong>, drop it here, or paste it</span>
        <input class="visually-hidden" type="file">
      </label>`;
    const input = this.querySelector("input");
    input.accept = types;
    input.addEventListener("change", () => {
      this.take(input.files);
      input.value = ""; // so that the same file can be chosen again
    });
    this.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.classList.add("is-over");
    });
    this.addEventListener("dragleave", () => this.classList.remove("is-over"));
    this.addEventListener("drop", (event) => {
      event.preventDefault();
      this.classList.remove("is-over");
      this.take(event.dataTransfer.files);
    });
    document.addEventListener("paste", (event) => {
      if (this.isPastedInto()) this.take(event.clipboardData.files);
    });
  }

  /** Of several inputs, what is pasted goes to the one with the focus, or else to the first. */
  isPastedInto() {
    const inputs = [...document.querySelectorAll("picture-input")];
    const focused = inputs.find((each) => each.contains(document.activeElement));
    return (focused ?? inputs[0]) === this;
  }

  take(files) {
    if (files.length > 0) this.dispatchEvent(new CustomEvent("picture", { detail: files[0] }));
  }
}

customElements.define("picture-input", PictureInput);

/** Decode a picture file, upright, without a conversion of its colours. */
async function decodePicture(file) {
  const bitmap = await createImageBitmap(file, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
