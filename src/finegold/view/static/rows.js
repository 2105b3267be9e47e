// The rows as cards or as a table, and the keys that move among them.

import { count, get, h, number, rowsOf } from "./dom.js";
import { VirtualList } from "./list.js";
import { address, change, query, state } from "./state.js";

const SHOWN_SCORES = 3, TABLE_COLUMNS = 14;

export function statusText(row) {
  if (row.status === "selected") return row.rank ? `chosen, rank ${count(row.rank)}` : "chosen";
  if (row.status === "not selected") return "not chosen";
  return row.status === "excluded" ? `excluded: ${row.code}` : row.status;
}

export function picture(row, { size = "" } = {}) {
  if (!row.n_images) return h("span", { class: `no-image ${size}` }, "no image");
  const image = h("img", { src: `/thumbnail/${row.row}/0`, alt: "", loading: "lazy", decoding: "async", class: size });
  image.addEventListener("error", () => image.replaceWith(h("span", { class: `no-image ${size}` }, "unreadable")));
  return image;
}

export const markText = { veto: "vetoed", keep: "kept" };

function open(row) {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    change({ row: String(row.row) }, { push: true });
  };
}

function link(row, ...children) {
  const named = `${row.sample_id ?? `row ${row.row}`}, ${statusText(row)}${row.mark ? `, ${markText[row.mark]}` : ""}`;
  return h("a", { href: `?${address({ row: row.row })}`, class: "open", "aria-label": named, onclick: open(row) }, ...children);
}

export class RowList {
  constructor(content, about, layout) {
    this.content = content;
    this.about = about;
    this.layout = layout;
    this.scores = about.columns.filter((column) => column.indicator);
    const table = layout === "table";
    this.fields = this.tableFields();
    const space = h("div", { class: "space", role: table ? "rowgroup" : "list", "aria-label": table ? null : "Rows" });
    this.viewport = h("div", { class: `viewport ${layout}`, tabindex: "0", role: "region", "aria-label": "Rows, scrollable" });
    if (table) this.viewport.append(h("div", { class: "table", role: "table", "aria-label": "Rows", style: { minWidth: `${this.fields.length * 120 + 260}px` } }, this.head(), space));
    else this.viewport.append(space);
    content.replaceChildren(this.viewport);
    this.list = new VirtualList(this.viewport, space, {
      role: table ? "row" : "listitem",
      read: async (start, rows) => (await get("/api/rows", query({ start, number: rows }))).rows,
      draw: table ? (row) => this.line(row) : (row) => this.card(row),
      size: table ? () => [1, 46] : (width) => [Math.max(1, Math.floor(width / (width < 500 ? 170 : 215))), 306],
    });
    this.viewport.addEventListener("keydown", (event) => this.key(event));
    this.viewport.addEventListener("focusin", (event) => {
      const item = event.target.closest("[data-index]");
      if (item) this.list.active = Number(item.dataset.index);
    });
  }

  close() { this.list.close(); }

  show(found) {
    this.list.reset(found.total, found.rows);
    this.total = found.total;
    const order = state.order === "down" ? "descending" : "ascending";
    for (const cell of this.viewport.querySelectorAll("[data-name]")) cell.setAttribute("aria-sort", cell.dataset.name === (state.sort ?? "row") ? order : "none");
    this.viewport.querySelector("[role=table]")?.setAttribute("aria-rowcount", found.total + 1);
  }

  refresh() { this.list.refresh(); }

  active() { return this.list.row(this.list.active); }

  key(event) {
    const across = this.layout === "table" ? null : 1, down = this.list.columns();
    const steps = { ArrowDown: down, ArrowUp: -down, ArrowRight: across, ArrowLeft: across && -across, PageDown: down * 4, PageUp: -down * 4 };
    let target = null;
    if (steps[event.key]) target = this.list.active + steps[event.key];
    else if (event.key === "Home") target = 0;
    else if (event.key === "End") target = this.list.total - 1;
    if (target === null || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.list.focus(event.target.closest("[data-index]") ? target : this.list.active);
  }

  card(row) {
    const scores = this.scores.slice(0, SHOWN_SCORES).filter((column) => row[column.name] !== null);
    return h("div", { class: "item", role: "listitem" }, link(row,
      h("span", { class: `tile ${row.mark ?? ""} ${row.status === "selected" ? "chosen" : ""}` },
        picture(row),
        h("span", { class: "line" }, h("bdi", { class: "key-id" }, row.sample_id ?? "without id"), h("span", { class: `chip ${row.status === "selected" ? "gold" : ""}` }, statusText(row))),
        row.change && row.change !== "both" ? h("span", { class: "badge change" }, row.change === "only here" ? "came in" : "went out") : null,
        row.mark ? h("span", { class: `badge ${row.mark}` }, markText[row.mark]) : null,
        h("span", { class: "words", dir: "auto" }, row.answer ?? row.reason ?? ""),
        h("span", { class: "numbers" }, ...scores.map((column) => h("span", {}, h("span", { class: "label" }, `${column.label} `), h("b", {}, number(row[column.name])))))),
    ));
  }

  tableFields() {
    const order = ["status", "change", "mark", ...this.scores.map((column) => column.name), "kind", "source", "cluster", "code"];
    const known = new Map(this.about.columns.map((column) => [column.name, column]));
    const others = this.about.columns.map((column) => column.name).filter((name) => !order.includes(name));
    return [...order, ...others].filter((name) => known.has(name)).slice(0, TABLE_COLUMNS).map((name) => known.get(name));
  }

  head() {
    return h("div", { role: "rowgroup", class: "head" }, h("div", { role: "row", class: "cells" },
      h("div", { role: "columnheader", class: "first" }, "Row"),
      ...this.fields.map((column) => h("div", { role: "columnheader", "aria-sort": "none", "data-name": column.name },
        h("button", { type: "button", onclick: () => {
          const up = state.sort === column.name && state.order === "down";
          change({ sort: column.name, order: up ? null : column.kind === "number" && state.sort !== column.name ? "down" : state.order === "down" ? null : "down" });
        } }, column.label))),
    ));
  }

  line(row) {
    const text = (column) => (column.name === "status" ? statusText(row) : column.name === "mark" ? markText[row.mark] ?? "" : column.name === "cluster" ? (row.cluster === null ? "" : String(row.cluster + 1)) : column.kind === "number" ? number(row[column.name]) : row[column.name] ?? "");
    const element = h("div", { class: `item cells ${row.mark ?? ""} ${row.status === "selected" ? "chosen" : ""}`, role: "row" },
      h("div", { role: "cell", class: "first" }, link(row, picture(row, { size: "small" }), h("span", {}, h("bdi", {}, row.sample_id ?? "without id"), h("span", { class: "quiet words", dir: "auto" }, row.answer ?? row.reason ?? "")))),
      ...this.fields.map((column) => h("div", { role: "cell", class: column.kind === "number" ? "n" : "" }, text(column))));
    return element;
  }
}

export function totalText(about, total) {
  return total === about.rows ? `All ${rowsOf(total)}` : `${rowsOf(total)} of ${count(about.rows)}`;
}
