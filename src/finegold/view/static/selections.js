// The selections of the run: open one, compare two, take the subset along.

import { count, get, h, number, told } from "./dom.js";
import { valueText } from "./filters.js";
import { change, query, state } from "./state.js";

export class Selections {
  constructor(content, about) {
    this.content = content;
    this.about = about;
    this.layout = "selections";
    this.list = { active: 0, row: () => null };
    this.total = 0;
  }

  close() {}

  active() { return null; }

  refresh() {}

  show(found) { this.total = found.total; told(this.draw()); }

  async draw() {
    const { selection } = this.about;
    const all = await get("/api/selections");
    const compared = state.other && selection ? await get("/api/difference", query()) : null;
    this.content.replaceChildren(h("div", { class: "viewport page", tabindex: "0", role: "region", "aria-label": "Selections, scrollable" },
      h("h2", {}, "Selections of this run"),
      all.length ? null : h("p", {}, "This run has no selection yet: finegold select makes one."),
      ...all.map((one) => this.item(one)),
      ...(compared ? this.difference(compared) : [])));
  }

  item(one) {
    const here = one.name === this.about.selection, other = one.name === state.other;
    const facts = [`${count(one.size)} rows`, `seed ${one.seed}`, one.include ? `${count(one.include)} kept by hand or --include` : null, one.exclude ? `${count(one.exclude)} vetoed` : null, one.where ? `where ${one.where}` : null, `${count(one.excluded)} excluded`];
    return h("article", { class: `card selection ${here ? "here" : ""}` },
      h("h3", {}, one.preset, here ? h("span", { class: "gold" }, " (open)") : null, other ? h("span", { class: "gold" }, " (compared)") : null),
      h("p", { class: "key-id" }, one.name),
      h("p", { class: "small" }, facts.filter(Boolean).join(", ")),
      Object.keys(one.weights).length ? h("p", { class: "small quiet" }, `weights ${Object.entries(one.weights).map(([name, value]) => `${name} ${number(value)}`).join(", ")}`) : null,
      h("p", { class: "row-actions" },
        here ? null : h("button", { type: "button", onclick: () => change({ selection: one.name, other: null, filters: {}, view: null }, { push: true }) }, "Open"),
        here || other ? null : h("button", { type: "button", onclick: () => change({ other: one.name }, { push: true }) }, "Compare with the open one"),
        h("a", { href: `/export/subset?${new URLSearchParams({ selection: one.name })}`, download: "" }, "Subset as ZIP")));
  }

  difference(found) {
    const show = (values, label, rows) => h("button", { type: "button", onclick: () => change({ view: null, filters: { change: values } }, { push: true }) }, `${label}: ${count(rows)}`);
    const share = (rows, total) => `${number(100 * rows / Math.max(1, total))} %`;
    const one = found.both + found.only_one, other = found.both + found.only_other;
    const label = (name) => this.about.columns.find((column) => column.name === name)?.label ?? name;
    const table = (caption, head, lines) => h("div", { class: "scroll-x" }, h("table", { class: "indicators shift" }, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, ...lines.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), ...rest.map((text) => h("td", {}, text)))))));
    return [
      h("h2", {}, "The open selection beside the compared one"),
      h("p", { class: "row-actions" }, show(["only here"], "Only in the open one", found.only_one), show(["only there"], "Only in the compared one", found.only_other), show(["both"], "In both", found.both),
        h("button", { type: "button", onclick: () => { const { change: _, ...filters } = state.filters; change({ other: null, filters }); } }, "Compare no more")),
      found.indicators.length ? table("Means of the indicators", ["", "pool", "open", "compared", "shift"], found.indicators.map(([name, pool, a, b]) => [name, number(pool), number(a), number(b), a === null || b === null ? "–" : number(a - b)])) : null,
      ...Object.entries(found.mixture).map(([name, lines]) => table(
        `${label(name)}: the open one covers ${found.coverage[name][1]} of ${found.coverage[name][0]}, the compared one ${found.coverage[name][2]}`,
        ["", "pool", "open", "compared", "share, open", "share, compared"],
        lines.map(([value, pool, a, b]) => [valueText(name, value), count(pool), count(a), count(b), share(a, one), share(b, other)]))),
    ].filter(Boolean);
  }
}
