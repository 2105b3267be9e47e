// The keys of the page.

import { byId, h, sheet } from "./dom.js";
import { change, state } from "./state.js";

const HELP = [
  ["arrows, Home, End", "move among the rows"], ["Enter", "open a row"], ["Esc", "close it"],
  ["j, ]", "next row, while one is open"], ["[", "the row before"],
  ["/", "search"], ["g, t", "grid, table"], ["?", "this list"],
];

export function watchKeys({ step, extra = {}, help = [] }) {
  const show = () => sheet("Keys", h("dl", { class: "keys" }, ...[...HELP, ...help].flatMap(([key, what]) => [h("dt", {}, key), h("dd", {}, what)])));
  byId("help").addEventListener("click", show);
  const actions = {
    "/": () => byId("text").focus(), "?": show, g: () => change({ view: null }), t: () => change({ view: "table" }),
    j: () => step(1), "]": () => step(1), "[": () => step(-1), ...extra,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if (byId("sheet").open || (state.row && ["g", "t", "/"].includes(event.key))) return;
    const action = actions[event.key];
    if (action) { event.preventDefault(); action(); }
  });
}
