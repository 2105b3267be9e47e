// Models asked about one image: a row's or one that is dropped; their answers stand side by side.

import { get, h, notice, postFile, postLines, told } from "./dom.js";
import { change, state } from "./state.js";

const SETTINGS = [["temperature", "Temperature", 0, 0, "any"], ["top_p", "Top-p", 1, 0, "any"], ["seed", "Seed", 0, 0, 1], ["max_new_tokens", "Most tokens", 256, 1, 1]];

export class Models {
  constructor(content, about) {
    this.about = about;
    this.layout = "models";
    this.list = { active: 0, row: () => null };
    this.total = 0;
    this.page = h("div", { class: "viewport page", tabindex: "0", role: "region", "aria-label": "Models, scrollable" });
    content.replaceChildren(this.page);
    if (about.models.length) this.draw();
    else this.explain();
  }

  close() { this.closed = true; }

  active() { return null; }

  refresh() {}

  show(found) { this.total = found.total; this.follow(); }

  explain() {
    this.page.replaceChildren(h("h2", {}, "Models"),
      h("p", {}, "This view has no models to ask. Name them when you start it, as for finegold demo:"),
      h("pre", { tabindex: "0" }, `finegold view ${this.about.run} --model offline --model endpoint:NAME`),
      h("p", {}, "A name of Hugging Face, a tuned folder and minigpt4-7b=FILE are models too. They are loaded at the first prompt."));
  }

  draw() {
    const field = (label, element) => h("label", { class: "field" }, `${label} `, element);
    this.id = h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
    this.file = h("input", { type: "file", accept: "image/*", onchange: () => told(this.drop(this.file.files[0])) });
    this.shown = h("div", { class: "asked-image" }, h("p", { class: "quiet" }, "No image yet. Drop one here."));
    this.prompt = h("textarea", { rows: 3, id: "prompt" });
    this.settings = SETTINGS.map(([name, label, value, min, step]) => h("input", { type: "number", name, "aria-label": label, min, step, value: String(value), required: true }));
    this.separate = h("input", { type: "checkbox" });
    this.send = h("button", { type: "submit", class: "main" }, "Ask");
    this.again = h("button", { type: "button", onclick: () => this.fresh() }, "New conversation");
    this.keep = h("a", { download: "models.html" }, "Save the page");
    this.turns = h("div", { "aria-live": "polite", id: "turns" });
    const ask = h("form", { class: "ask", onsubmit: (event) => { event.preventDefault(); told(this.ask()); } },
      h("div", { class: "controls row-actions" }, field("Row", this.id), h("button", { type: "button", onclick: () => told(this.takeNamed()) }, "Take this row"), field("or an image", this.file)),
      this.shown,
      h("p", {}, h("label", { for: "prompt" }, "Prompt")), this.prompt,
      h("div", { class: "row-actions" }, ...this.settings.map((element, at) => field(SETTINGS[at][1], element)), h("label", {}, this.separate, " each prompt by itself")),
      h("p", { class: "row-actions" }, this.send, this.again, this.keep));
    this.id.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); told(this.takeNamed()); } });
    this.prompt.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask.requestSubmit(); });
    this.page.addEventListener("dragover", (event) => event.preventDefault());
    this.page.addEventListener("drop", (event) => { event.preventDefault(); told(this.drop(event.dataTransfer.files[0])); });
    this.page.replaceChildren(h("h2", {}, "Models side by side"), h("p", { class: "quiet" }, ...this.about.models.flatMap((name, at) => [at ? ", " : "", h("bdi", {}, name)])), ask, this.turns);
    this.fresh();
  }

  // The row of the address, if it is not the one that is shown.
  follow() {
    if (!this.about.models.length || !state.ask || state.ask === this.taken) return;
    this.taken = state.ask;
    told(this.take(state.ask));
  }

  async takeNamed() {
    const { row } = await get("/api/named", new URLSearchParams({ id: this.id.value }));
    this.taken = null;
    change({ ask: String(row) });
  }

  async take(position) {
    const { row, turns } = await get(`/api/row/${encodeURIComponent(position)}`);
    if (this.taken !== position || this.busy) return;
    this.id.value = row.sample_id ?? "";
    if (!row.n_images) throw new Error(`The row ${row.sample_id ?? row.row} has no image: take another.`);
    const picture = h("img", {}), number = h("select", { "aria-label": "Image of the row" }, ...Array.from({ length: row.n_images }, (_, at) => h("option", { value: String(at) }, `image ${at + 1}`)));
    const choose = () => {
      if (this.busy) return;
      this.image = { row: row.row, number: Number(number.value) };
      picture.src = `/image/${row.row}/${number.value}`;
      picture.alt = `Image ${Number(number.value) + 1} of ${row.sample_id}`;
      this.fresh();
    };
    picture.addEventListener("error", () => picture.replaceWith(h("p", { class: "quiet" }, "This image cannot be shown.")));
    number.addEventListener("change", choose);
    this.shown.replaceChildren(picture, ...(row.n_images > 1 ? [number] : []));
    this.prompt.value = turns[0]?.question ?? "";
    choose();
  }

  async drop(file) {
    if (!file || this.busy) return;
    if (file.size > this.about.most_image) throw new Error(`The image has ${file.size.toLocaleString("en")} bytes, expected at most ${this.about.most_image.toLocaleString("en")}: drop a smaller one.`);
    const { image, shown } = await postFile("/api/image", file, new URLSearchParams({ name: file.name }));
    this.image = { image };
    this.taken = null;
    this.id.value = "";
    change({ ask: null });
    this.shown.replaceChildren(h("img", { src: shown, alt: file.name }), h("p", { class: "small" }, h("bdi", {}, file.name)));
    this.fresh();
  }

  fresh() {
    this.conversation = null;
    this.turns.replaceChildren();
    this.lock();
  }

  // How tokens are chosen holds for a whole conversation.
  lock() {
    for (const element of [...this.settings, this.separate]) element.disabled = this.conversation !== null || this.busy === true;
    for (const element of [this.send, this.again, this.file]) element.disabled = this.busy === true;
    this.keep.hidden = this.conversation === null || this.busy === true;
    this.again.hidden = this.conversation === null;
    this.send.textContent = this.conversation === null ? "Ask" : "Ask further";
    if (this.conversation) this.keep.href = `/conversation/${this.conversation}`;
  }

  async ask() {
    if (this.busy) return;
    if (!this.image) { notice("Take a row or drop an image first."); return; }
    if (!this.prompt.value.trim()) { notice("Write a prompt first."); return; }
    const prompt = this.prompt.value, { models } = this.about;
    const cells = models.map(() => h("dd", { dir: "auto", class: "quiet", "aria-busy": "true" }, "…"));
    const turn = h("section", {}, h("h3", { dir: "auto" }, prompt), h("dl", { class: "beside" }, ...models.map((name, at) => h("div", {}, h("dt", {}, h("bdi", {}, name)), cells[at]))));
    const said = { prompt, conversation: this.conversation };
    if (!this.conversation) {
      Object.assign(said, this.image, { separate: this.separate.checked });
      for (const one of this.settings) said[one.name] = one.valueAsNumber;
    }
    this.busy = true;
    this.lock();
    this.turns.append(turn);
    try {
      await postLines("/api/ask", said, (line) => {
        if (line.conversation) { this.conversation = line.conversation; return; }
        const cell = cells[line.model], growing = line.so_far !== undefined;
        cell.setAttribute("aria-busy", String(growing));
        if (growing) { cell.textContent = `${line.so_far} …`; return; }
        cell.textContent = line.why === undefined ? line.answer : `no answer: ${line.why}`;
        cell.classList.toggle("quiet", line.why !== undefined);
      });
      this.prompt.value = "";
    } catch (error) {
      turn.remove();
      throw error;
    } finally {
      this.busy = false;
      this.lock();
    }
  }
}
