// The map: similar rows lie close together. A lasso makes its rows the filter.

import { count, get, h, number, rowsOf, told } from "./dom.js";
import { valueText } from "./filters.js";
import { picture, statusText } from "./rows.js";
import { change, query, state } from "./state.js";

const EDGE = 14, NEAR = 12, MOST_CORNERS = 80;
const SCALE = ["#3b4cc0", "#6f91f2", "#aac7fd", "#dddcdc", "#f7b89c", "#e7745b", "#b40426"];

export class MapView {
  constructor(content, about) {
    this.about = about;
    this.layout = "map";
    this.list = { active: 0, row: () => null };
    this.zoom = 1;
    this.shift = [0, 0];
    this.at = -1;
    this.canvas = h("canvas", { tabindex: "0", role: "img", class: "map-canvas" });
    this.tip = h("div", { id: "tip", hidden: true });
    this.legend = h("div", { class: "map-legend" });
    this.said = h("p", { class: "small quiet" });
    const colour = state.colour ?? about.columns[0].name;
    const select = (label, options, chosen, then) => h("label", { class: "field" }, `${label} `, h("select", { onchange: (event) => then(event.target.value) }, ...options.map(([value, text]) => h("option", { value, selected: value === chosen }, text))));
    this.moving = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.moving.setAttribute("aria-pressed", String(this.moving.getAttribute("aria-pressed") !== "true")) }, "Drag to move");
    const button = (label, name, act) => h("button", { type: "button", "aria-label": name, onclick: act }, label);
    content.replaceChildren(h("div", { class: "viewport page", tabindex: "0", role: "region", "aria-label": "Map, scrollable" },
      h("div", { class: "controls" },
        about.layers.length > 1 ? select("Map of", about.layers.map((layer) => [layer, layer === "image" ? "images" : about.embedded.includes("text") ? "texts" : "texts, by their words"]), state.layer ?? about.layers[0], (layer) => change({ layer, area: null })) : null,
        select("Colour", about.columns.map((column) => [column.name, column.label]), colour, (value) => change({ colour: value })),
        button("+", "Larger", () => this.scale(1.5)), button("−", "Smaller", () => this.scale(1 / 1.5)), this.moving,
        h("button", { type: "button", onclick: () => change({ view: null }) }, "Show these rows as cards")),
      h("div", { class: "stage" }, this.canvas, this.tip), this.said, this.legend));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas);
    this.listen();
  }

  close() { this.observer.disconnect(); }

  active() { return this.hit ?? null; }

  refresh() { told(this.read()); }

  show(found) { this.total = found.total; told(this.read()); }

  async read() {
    const layer = state.layer ?? this.about.layers[0], colour = state.colour ?? this.about.columns[0].name;
    this.said.textContent = "The map is drawn…";
    const asked = query({ layer, colour });
    this.asked = asked;
    const points = await get("/api/map", asked);
    if (this.asked !== asked) return;
    this.points = points;
    const notes = [`${rowsOf(points.row.length)} drawn, ${count(points.shown.reduce((sum, one) => sum + one, 0))} of them shown by the filter`];
    if (layer === "text" && !this.about.embedded.includes("text")) notes.push("texts that share words lie close together");
    if (points.thinned) notes.push(`${count(points.thinned)} are left out, evenly`);
    if (points.unplaced) notes.push(`${rowsOf(points.unplaced)} have no place`);
    this.said.textContent = `${notes.join("; ")}. Drag a line around points to filter by them; Esc takes it back.`;
    const label = this.about.columns.find((column) => column.name === colour).label;
    this.canvas.setAttribute("aria-label", `Map of ${layer === "image" ? "images" : "texts"}, coloured by ${label}. ${this.said.textContent} Left and right arrow go from point to point, Enter opens one.`);
    this.drawLegend(label, colour);
    this.draw();
  }

  drawLegend(label, name) {
    const { points } = this;
    const key = (colour, text) => h("span", {}, h("span", { class: "key", style: { background: colour } }), text);
    if (points.kind === "number") this.legend.replaceChildren(h("b", {}, `${label} `), number(points.low), h("span", { class: "ramp", style: { background: `linear-gradient(90deg, ${SCALE})` } }), number(points.high));
    else this.legend.replaceChildren(h("b", {}, `${label} `), ...points.values.map((value, at) => key(points.palette[at], valueText(name, value))));
  }

  side() { return this.canvas.clientWidth; }

  toScreen(x, y) {
    const inner = this.side() - 2 * EDGE;
    return [EDGE + (x - 0.5) * inner * this.zoom + inner / 2 + this.shift[0], EDGE + (y - 0.5) * inner * this.zoom + inner / 2 + this.shift[1]];
  }

  toMap(left, top) {
    const inner = this.side() - 2 * EDGE;
    return [(left - EDGE - inner / 2 - this.shift[0]) / (inner * this.zoom) + 0.5, (top - EDGE - inner / 2 - this.shift[1]) / (inner * this.zoom) + 0.5];
  }

  draw() {
    const { points, canvas } = this, side = this.side();
    if (!side) return;
    const dense = window.devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(side * dense);
    const pen = canvas.getContext("2d");
    pen.scale(dense, dense);
    if (!points) return;
    const faint = getComputedStyle(document.body).getPropertyValue("--line");
    const size = Math.max(1.6, Math.min(4, 160 / Math.sqrt(points.row.length))) * Math.sqrt(this.zoom);
    const colours = points.kind === "number" ? SCALE : points.palette;
    const colourOf = (value) => (value < 0 ? "#8a8f96" : points.kind === "number" ? SCALE[Math.min(SCALE.length - 1, Math.floor(value / 100 * SCALE.length))] : colours[value]);
    this.screen = points.row.map((_, at) => this.toScreen(points.x[at] / points.grid, points.y[at] / points.grid));
    for (const bright of [0, 1]) {
      for (let at = 0; at < points.row.length; at += 1) {
        if (points.shown[at] !== bright) continue;
        const [x, y] = this.screen[at];
        if (x < -5 || y < -5 || x > side + 5 || y > side + 5) continue;
        pen.fillStyle = bright ? colourOf(points.colour[at]) : faint;
        pen.fillRect(x - size / 2, y - size / 2, size, size);
      }
    }
    const corners = this.lasso ?? this.area();
    if (corners.length > 1) {
      pen.strokeStyle = getComputedStyle(document.body).getPropertyValue("--pick");
      pen.lineWidth = 2;
      pen.beginPath();
      corners.forEach(([x, y], at) => pen[at ? "lineTo" : "moveTo"](...this.toScreen(x, y)));
      pen.closePath();
      pen.stroke();
    }
    if (this.at >= 0) {
      pen.strokeStyle = getComputedStyle(document.body).color;
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(...this.screen[this.at], 8, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  area() {
    const numbers = (state.area ?? "").split(",").filter(Boolean).map(Number);
    return Array.from({ length: numbers.length / 2 }, (_, at) => [numbers[2 * at], numbers[2 * at + 1]]);
  }

  scale(factor) {
    const before = this.zoom;
    this.zoom = Math.min(40, Math.max(1, before * factor));
    this.shift = this.zoom === 1 ? [0, 0] : this.shift.map((one) => one * this.zoom / before);
    this.draw();
  }

  nearest(left, top) {
    let best = -1, least = NEAR * NEAR;
    this.screen?.forEach(([x, y], at) => {
      const far = (x - left) ** 2 + (y - top) ** 2;
      if (this.points.shown[at] && far < least) { least = far; best = at; }
    });
    return best;
  }

  async point(at) {
    if (at === this.at) return;
    this.at = at;
    this.hit = null;
    this.draw();
    this.tip.hidden = true;
    if (at < 0) return;
    const found = await get(`/api/row/${this.points.row[at]}`, query());
    if (at !== this.at) return;
    this.hit = found.row;
    this.tip.replaceChildren(picture(found.row), h("b", {}, found.row.sample_id), h("span", {}, statusText(found.row)), h("span", {}, (found.turns[0]?.answer ?? "").slice(0, 90)));
    const [x, y] = this.screen[at], side = this.side();
    Object.assign(this.tip.style, { left: `${Math.min(x + 14, side - 200)}px`, top: `${Math.max(0, Math.min(y + 14, side - 230))}px` });
    this.tip.hidden = false;
  }

  listen() {
    const { canvas } = this, place = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    let from = null, moved = false;
    canvas.addEventListener("pointerdown", (event) => {
      from = place(event);
      moved = false;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const here = place(event);
      if (!from) { told(this.point(this.nearest(...here))); return; }
      if (!moved && Math.hypot(here[0] - from[0], here[1] - from[1]) < 5) return;
      if (!moved && this.moving.getAttribute("aria-pressed") !== "true") this.lasso = [this.toMap(...from)];
      moved = true;
      if (this.lasso) this.lasso.push(this.toMap(...here));
      else { this.shift = [this.shift[0] + here[0] - from[0], this.shift[1] + here[1] - from[1]]; from = here; }
      this.draw();
    });
    canvas.addEventListener("pointerup", (event) => {
      from = null;
      if (!moved) {
        const at = this.nearest(...place(event));
        if (at >= 0) change({ row: String(this.points.row[at]) }, { push: true });
      } else if (this.lasso) {
        const step = Math.ceil(this.lasso.length / MOST_CORNERS);
        const corners = this.lasso.filter((_, at) => at % step === 0);
        this.lasso = null;
        if (corners.length > 2) change({ area: corners.flat().map((one) => one.toFixed(4)).join(","), layer: state.layer ?? this.about.layers[0] });
        else this.draw();
      }
    });
    canvas.addEventListener("pointerleave", () => { if (!from) told(this.point(-1)); });
    canvas.addEventListener("wheel", (event) => { if (event.ctrlKey || this.zoom > 1) { event.preventDefault(); this.scale(event.deltaY < 0 ? 1.2 : 1 / 1.2); } }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      if (!this.points) return;
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key], rows = this.points.row.length;
      if (by) {
        event.preventDefault();
        let at = this.at;
        for (let tries = 0; tries < rows; tries += 1) { at = (at + by + rows) % rows; if (this.points.shown[at]) break; }
        told(this.point(at));
      } else if (event.key === "Enter" && this.at >= 0) change({ row: String(this.points.row[this.at]) }, { push: true });
      else if (event.key === "Escape") { if (state.area) change({ area: null }); else told(this.point(-1)); }
    });
  }
}
