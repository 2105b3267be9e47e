// One row: its image, its turns, what each indicator says of it, its neighbours, and why it is in or out.

import { byId, count, get, h, number, told } from "./dom.js";
import { markText, picture, statusText } from "./rows.js";
import { address, change, query, state } from "./state.js";

let shownRow = null;

export const openRow = () => shownRow;

function go(row) {
  return (event) => { event.preventDefault(); change({ row: String(row) }, { push: true }); };
}

const rowLink = (row, ...children) => h("a", { href: `?${address({ row })}`, onclick: go(row) }, ...children);

// A click or Enter makes an image as large as it is, and back.
export function zoomable(address, name, of) {
  const shown = h("img", { src: address, alt: `${name} of ${of}`, loading: "lazy", decoding: "async" });
  const button = h("button", { type: "button", class: "full", "aria-pressed": "false", "aria-label": `${name} of ${of}: show in full size`, onclick: () => {
    const large = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(large));
    frame.classList.toggle("large", large);
    zoom.hidden = !large;
    scale(large ? Math.max(1, frame.clientWidth / shown.naturalWidth) : null);
  } }, shown);
  let factor = 1;
  const scale = (value) => {
    factor = value === null ? 1 : Math.min(12, Math.max(0.1, value));
    shown.style.width = value === null ? "" : `${Math.round(shown.naturalWidth * factor)}px`;
    said.textContent = value === null ? "" : `${Math.round(factor * 100)} %`;
  };
  const said = h("span", { class: "small quiet" });
  const zoom = h("div", { class: "zoom", hidden: true },
    h("button", { type: "button", "aria-label": "Smaller", onclick: () => scale(factor / 1.4) }, "−"),
    h("button", { type: "button", "aria-label": "Larger", onclick: () => scale(factor * 1.4) }, "+"), said);
  const frame = h("div", { class: "frame" }, button);
  frame.addEventListener("wheel", (event) => {
    if (!frame.classList.contains("large") || !event.ctrlKey) return;
    event.preventDefault();
    scale(factor * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
  }, { passive: false });
  shown.addEventListener("error", () => frame.replaceChildren(h("p", { class: "quiet" }, "This image cannot be shown.")));
  return h("figure", {}, frame, zoom);
}

// The place of the lowest of some values; null where fewer than two are known.
function lowest(values) {
  const known = values.filter((value) => value !== null);
  return known.length > 1 ? values.indexOf(Math.min(...known)) : null;
}

// Which turn an indicator calls the weakest.
function weakest(indicator) {
  const place = lowest(indicator.turns.map((turn) => turn.value));
  return place === null ? null : indicator.turns[place].turn;
}

// The answer of a turn, in which the sentence that an indicator finds weakest is marked, or that with the word it remarks on.
function marked(turn, number, indicators) {
  const { sentences } = turn, why = sentences.map(() => []);
  for (const one of indicators) {
    const judged = one.turns.find((found) => found.turn === number);
    const place = judged?.sentences.length === sentences.length ? lowest(judged.sentences) : null;
    if (place !== null) { why[place].push(`${one.label} ${fixed(judged.sentences[place])}`); continue; }
    const remarks = [judged?.why, one.turns.some((found) => found.sentences.length) ? null : one.why].join(" ");
    for (const [, word] of remarks.matchAll(/weakest: '([^']{2,80})'/g)) {
      const holds = new RegExp(`(?<![\\p{L}\\p{N}])${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\p{L}\\p{N}])`, "iu");
      sentences.forEach((text, at) => { if (holds.test(text)) why[at].push(`${one.label}, by the word '${word}'`); });
    }
  }
  return sentences.map((text, at) => (why[at].length ? h("mark", { title: `the weakest by ${why[at].join("; ")}` }, text) : text));
}

const fixed = (value) => (value === null ? "–" : number(value));

function turns(found) {
  const lowestBy = new Map();
  for (const indicator of found.indicators) {
    const turn = weakest(indicator);
    if (turn !== null) lowestBy.set(turn, [...(lowestBy.get(turn) ?? []), indicator.label]);
  }
  return found.turns.map((turn, at) => h("li", { class: lowestBy.has(at + 1) ? "weak" : "" },
    found.turns.length > 1 ? h("p", { class: "small quiet" }, `Turn ${at + 1}${lowestBy.has(at + 1) ? `, the weakest by ${lowestBy.get(at + 1).join(", ")}` : ""}`) : null,
    turn.question ? h("p", { class: "asked", dir: "auto" }, turn.question) : null,
    h("p", { class: "answer", dir: "auto" }, ...marked(turn, at + 1, found.indicators))));
}

// The values of the turns of an indicator, and of their sentences.
function byTurn(one) {
  const several = one.turns.length > 1, least = weakest(one);
  return one.turns.filter((turn) => several || turn.sentences.length > 1).map((turn) => {
    const place = lowest(turn.sentences), weak = several && turn.turn === least;
    return h("p", { class: "small", title: turn.why },
      several ? h(weak ? "b" : "span", {}, `turn ${turn.turn}: ${fixed(turn.value)}${weak ? " (weakest)" : ""}`) : null,
      turn.sentences.length > 1 ? [h("span", { class: "quiet" }, several ? ", its sentences: " : "its sentences: "),
        ...turn.sentences.flatMap((value, at) => [at ? ", " : "", h(at === place ? "b" : "span", {}, `${fixed(value)}${at === place ? " (weakest)" : ""}`)])] : null);
  });
}

function indicator(one) {
  const place = one.of ? Math.round(100 * (one.below + one.same / 2) / one.of) : null;
  return h("tr", {},
    h("th", { scope: "row" }, one.label),
    h("td", { class: "n" }, `${number(one.value)}${one.value !== null && one.unit ? ` ${one.unit}` : ""}`),
    h("td", {}, place === null || one.value === null ? h("span", { class: "quiet" }, one.why ?? "no value") : [
      h("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: "place", role: "img", "aria-label": `above ${place} % of the pool` }, h("rect", { width: 100, height: 8, class: "pool-bar" }), h("rect", { width: place, height: 8, class: "pick-bar" })),
      h("span", { class: "small quiet" }, `above ${count(one.below)} of ${count(one.of)}${one.same > 1 ? `, level with ${count(one.same - 1)}` : ""}`),
      one.why ? h("p", { class: "small", dir: "auto" }, one.why) : null,
      ...byTurn(one),
    ]));
}

async function nearest(found, box) {
  const near = await get(`/api/row/${found.row.row}/nearest`, query({ layer: found.layers[0] }));
  if (!box.isConnected) return;
  box.replaceChildren(h("h3", {}, found.layers[0] === "image" ? "Nearest images" : "Nearest texts"),
    near.length ? h("ul", { class: "near" }, ...near.map((one) => h("li", {}, rowLink(one.row, picture(one), h("span", { class: "small" }, `${one.sample_id}, ${statusText(one)}, cosine ${one.cosine}`)))))
      : h("p", { class: "quiet" }, "This row is not embedded."));
}

export async function drawRow(about, actions) {
  const dialog = byId("row");
  shownRow = null;
  if (!state.row) { if (dialog.open) dialog.close(); return; }
  const asked = state.row;
  const found = await get(`/api/row/${encodeURIComponent(asked)}`, query());
  if (state.row !== asked) return;
  const { row } = found;
  shownRow = found;
  const near = h("section", {}), record = h("pre", { tabindex: "0" });
  const facts = { Status: statusText(row), Kind: row.kind, Source: row.source, Group: row.group, Cluster: row.cluster === null ? null : row.cluster + 1, Size: row.width ? `${row.width} × ${row.height}` : null, Place: row.place };
  dialog.setAttribute("aria-label", `Row ${row.sample_id ?? row.row}`);
  dialog.replaceChildren(...[
    h("header", {}, h("h2", {}, h("bdi", {}, row.sample_id ?? `row ${row.row}`)), ...actions(found),
      h("button", { type: "button", class: "close", onclick: () => change({ row: null }, { push: true }) }, "Close")),
    found.mark ? h("p", { class: "why" }, `${markText[found.mark.mark]} by hand, ${found.mark.time}${found.mark.note ? `: ${found.mark.note}` : ""}`) : null,
    h("p", { class: "why", id: "why" }, found.why),
    h("div", { class: "sides" },
      h("div", {}, ...Array.from({ length: row.n_images ?? 0 }, (_, at) => zoomable(`/image/${row.row}/${at}`, `Image ${at + 1}`, row.sample_id ?? `row ${row.row}`)), row.n_images ? null : h("p", { class: "quiet" }, "This row has no image.")),
      h("div", {}, h("ol", { class: "said-turns" }, ...turns(found)))),
    found.indicators.length ? h("div", { class: "scroll-x" }, h("table", { class: "indicators" }, h("caption", {}, "Indicators, and where the row lies in the pool"), h("tbody", {}, ...found.indicators.map(indicator)))) : null,
    h("dl", { class: "facts" }, ...Object.entries(facts).filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))))),
    found.twins.length ? h("section", {}, h("h3", {}, "Duplicates and rows of the same image"), h("ul", { class: "twins" }, ...found.twins.map((one) => h("li", {}, rowLink(one.row, one.sample_id), ` ${one.how}, ${statusText(one)}`)))) : null,
    near,
    h("details", { ontoggle: (event) => { if (event.target.open && !record.textContent) told(get(`/api/row/${row.row}/record`).then((text) => { record.textContent = text; })); } }, h("summary", {}, "The record as it came"), record),
  ].filter(Boolean));
  if (!dialog.open) {
    dialog.showModal();
    dialog.scrollTop = 0;
  }
  if (found.layers.length && row.n_images !== null) told(nearest(found, near));
}

export function watchRow() {
  byId("row").addEventListener("cancel", (event) => { event.preventDefault(); change({ row: null }, { push: true }); });
  byId("row").addEventListener("click", (event) => { if (event.target === byId("row")) change({ row: null }, { push: true }); });
}
