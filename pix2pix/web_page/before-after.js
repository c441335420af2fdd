"use strict";

// <before-after>: two pictures on top of each other, with a slider between them.
//
//   element.show(before, after)    each is ImageData or the address of a picture
//
// Of two pictures of which the browser cannot show one, such as a TIFF file, the other is shown alone.

class BeforeAfter extends HTMLElement {
  /** Show two pictures; the second is drawn over the first, to the right of the slider. */
  show(before, after) {
    this.innerHTML = `
      <div class="compare-frame"></div>
      <p class="quiet" hidden></p>
      <label class="compare-slider">
        <span>before</span>
        <input type="range" min="0" max="100" value="50" aria-label="share of the source that is shown">
        <span>after</span>
      </label>`;
    const frame = this.querySelector(".compare-frame");
    frame.append(pictureElement(before, "source"), pictureElement(after, "translation"));
    const slider = this.querySelector("input");
    const cut = () => {
      frame.lastChild.style.clipPath = `inset(0 0 0 ${slider.value}%)`;
      slider.setAttribute("aria-valuetext", `${slider.value} percent source`);
    };
    slider.addEventListener("input", cut);
    // The picture itself can be dragged, too; the slider is for the keyboard and screen readers.
    frame.addEventListener("pointermove", (event) => {
      if (event.buttons === 0 && event.pointerType === "mouse") return;
      const box = frame.getBoundingClientRect();
      slider.value = ((event.clientX - box.left) / box.width) * 100;
      cut();
    });
    cut();
    for (const picture of frame.querySelectorAll("img")) {
      picture.addEventListener("error", () => this.leaveOut(picture), { once: true });
    }
  }

  /** Take a picture away that the browser cannot show, and say so. */
  leaveOut(picture) {
    picture.remove();
    const frame = this.querySelector(".compare-frame");
    if (frame.firstChild) frame.firstChild.style.clipPath = "none";
    frame.hidden = frame.firstChild === null;
    this.querySelector(".compare-slider").hidden = true;
    const note = this.querySelector("p");
    note.textContent += `This browser cannot show the file of the ${picture.alt}. `;
    note.hidden = false;
  }
}

customElements.define("before-after", BeforeAfter);

/** A canvas with pixels, or an image of an address; `name` is read to those who cannot see it. */
function pictureElement(picture, name) {
  if (typeof picture === "string") {
    return Object.assign(document.createElement("img"), { src: picture, alt: name });
  }
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: picture.width, height: picture.height });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", name);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}
