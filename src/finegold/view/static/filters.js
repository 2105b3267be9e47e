// Filters: a histogram with two sliders for a number, a list with counts for a category.

import { byId, count, get, h, number, told } from "./dom.js";
import { change, filterBy, query, state } from "./state.js";

const STEPS = 200, OPEN = 5, NOTHING = "(none)";
const shownValue = { "only here": "only in the open one", "only there": "only in the other", selected: "chosen", "not selected": "not chosen", veto: "vetoed", keep: "kept" };
const open = new Map();

export function valueText(name, value) {
  if (value === NOTHING) return { mark: "not marked", change: "in neither" }[name] ?? "none";
  return name === "cluster" ? `cluster ${Number(value) + 1}` : shownValue[value] ?? value;
}

export async function drawFilters(about, current) {
  const facets = await get("/api/facets", query());
  if (!current()) return;
  const box = byId("filters"), focused = document.activeElement?.dataset?.key;
  let numbers = 0;
  box.replaceChildren(...about.columns.map((column) => {
    const facet = facets[column.name];
    if (column.kind === "number") numbers += 1;
    const empty = column.kind === "category" && facet.values.length < 2 && !state.filters[column.name];
    if (empty) return null;
    const body = column.kind === "number" ? histogram(column, facet) : values(column, facet);
    const expanded = open.get(column.name) ?? (Boolean(state.filters[column.name]) || column.kind === "category" || numbers <= OPEN);
    return h("details", { class: "facet", open: expanded, ontoggle: (event) => open.set(column.name, event.target.open) },
      h("summary", { "data-key": `${column.name}/` }, column.label, state.filters[column.name] ? h("span", { class: "gold" }, " (filtered)") : null), body);
  }).filter(Boolean));
  if (focused) box.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function values(column, facet) {
  const wanted = new Set(state.filters[column.name] ?? []);
  const known = new Set(facet.values.map(([value]) => value));
  const listed = [...facet.values, ...[...wanted].filter((value) => !known.has(value)).map((value) => [value, 0])];
  if (column.name === "cluster") listed.sort((a, b) => Number(a[0]) - Number(b[0]));
  return h("div", { class: "values", role: "group", "aria-label": column.label }, ...listed.map(([value, rows]) => h("label", {},
    h("input", { type: "checkbox", checked: wanted.has(value), "data-key": `${column.name}/${value}`, onchange: (event) => {
      if (event.target.checked) wanted.add(value);
      else wanted.delete(value);
      filterBy(column.name, [...wanted]);
    } }), h("span", { class: "name" }, valueText(column.name, value)), " ", h("span", { class: "quiet" }, count(rows)))));
}

function histogram(column, facet) {
  const { low, high, counts } = facet, most = Math.max(1, ...counts), width = 100 / counts.length;
  const [text = ""] = state.filters[column.name] ?? [], [from, to] = text.split("..");
  const span = high - low || 1, whole = Number.isInteger(low) && Number.isInteger(high) && span <= STEPS;
  const steps = whole ? span : STEPS;
  const toStep = (value) => Math.round((value - low) / span * steps), toValue = (step) => low + step / steps * span;
  const ends = [from ? toStep(Number(from)) : 0, to ? toStep(Number(to)) : steps];
  const bars = counts.map((rows, at) => h("rect", { x: at * width, width: width * 0.9, y: 40 - 40 * Math.sqrt(rows / most), height: 40 * Math.sqrt(rows / most) }));
  const said = h("p", { class: "small" });
  const say = () => { said.textContent = `${number(toValue(ends[0]))} to ${number(toValue(ends[1]))}${column.unit ? ` ${column.unit}` : ""}`; };
  let timer = 0;
  const commit = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const text = `${ends[0] > 0 ? exact(toValue(ends[0])) : ""}..${ends[1] < steps ? exact(toValue(ends[1])) : ""}`;
      filterBy(column.name, text === ".." ? [] : [text]);
    }, 80);
  };
  const slider = (at, label) => h("input", {
    type: "range", min: 0, max: steps, step: 1, value: ends[at], "aria-label": `${label} ${column.label}`, "data-key": `${column.name}/${at}`,
    "aria-valuetext": number(toValue(ends[at])), oninput: (event) => {
      ends[at] = at ? Math.max(Number(event.target.value), ends[0]) : Math.min(Number(event.target.value), ends[1]);
      event.target.value = ends[at];
      event.target.setAttribute("aria-valuetext", number(toValue(ends[at])));
      say();
      commit();
    } });
  say();
  return h("div", { class: "histogram" },
    h("svg", { viewBox: "0 0 100 40", preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars),
    h("div", { class: "sliders" }, slider(0, "Lowest"), slider(1, "Highest")), said);
}

const exact = (value) => String(Number(value.toPrecision(6)));

export function filterCount() {
  return Object.keys(state.filters).length + (state.text ? 1 : 0) + (state.area ? 1 : 0);
}

export function watchFilters() {
  byId("clear").addEventListener("click", () => change({ filters: {}, text: null, area: null }));
  let timer = 0;
  byId("text").addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ text: event.target.value.trim() || null }), 100);
  });
}
