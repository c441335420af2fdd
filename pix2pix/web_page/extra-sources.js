"use strict";

// <extra-sources>: a picture for each source that a model has beside the first one, such as depth.
// Needs picture-input.js, label-colours.js and page.css.
//
//   element.setUp(sides, accept)       makes the inputs of the sides by name; `accept` is that of
//                                      their file dialogs
//   element.choose(name, file, said)   chooses a file as a person does; `said` is shown as its name
//   element.files                      the chosen files by name; throws Error if one is missing
//   event "picture"                    after each choice

class ExtraSources extends HTMLElement {
  setUp(sides, accept = "image/*") {
    const names = Object.keys(sides);
    this.sides = sides;
    this.chosen = Object.fromEntries(names.map((name) => [name, null]));
    this.hidden = names.length === 0;
    this.replaceChildren(...names.map((name) => this.fieldOf(name, accept)));
  }

  fieldOf(name, accept) {
    const field = document.createElement("fieldset");
    field.innerHTML = `
      <legend></legend>
      <picture-input></picture-input>
      <p class="quiet">No picture is chosen yet.</p>
      <img alt="" hidden>`;
    field.dataset.source = name;
    field.querySelector("legend").textContent = `Source ${name}`;
    const input = field.querySelector("picture-input");
    input.setAttribute("accept", accept);
    input.addEventListener("picture", ({ detail }) => this.choose(name, detail, detail.name));
    // A file that the browser cannot show, such as TIFF or NPY, has its name alone.
    field.querySelector("img").addEventListener("error", (event) => { event.target.hidden = true; });
    return field;
  }

  choose(name, file, said) {
    this.chosen[name] = file;
    const field = this.querySelector(`[data-source="${name}"]`);
    field.querySelector("p").textContent = said;
    this.showPreview(field, file);
    this.dispatchEvent(new CustomEvent("picture"));
  }

  async showPreview(field, file) {
    const { source } = field.dataset;
    const shown = await shownFile(file, this.sides[source]);
    if (!field.isConnected || this.chosen[source] !== file) return; // it was replaced meanwhile
    const preview = field.querySelector("img");
    URL.revokeObjectURL(preview.src);
    Object.assign(preview, { src: URL.createObjectURL(shown), hidden: false });
  }

  get files() {
    const missing = Object.keys(this.chosen).find((name) => this.chosen[name] === null);
    if (missing !== undefined) throw new Error(`Choose a picture for the source ${missing} first.`);
    return this.chosen;
  }
}

customElements.define("extra-sources", ExtraSources);
