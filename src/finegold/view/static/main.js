// The page: it reads the address, shows what it says, and follows it.

import { drawFilters, filterCount, watchFilters } from "./filters.js";
import { byId, get, h, told } from "./dom.js";
import { watchKeys } from "./keys.js";
import { drawActions, markRow, rowMarks, undo, watchMarks } from "./marks.js";
import { MapView } from "./map.js";
import { Models } from "./models.js";
import { JudgedView, StudyView } from "./results.js";
import { drawRow, openRow, watchRow } from "./row.js";
import { RowList, totalText } from "./rows.js";
import { Selections } from "./selections.js";
import { change, onChange, query, readAddress, state } from "./state.js";

const VIEWS = { grid: "Grid", table: "Table", map: "Map", selections: "Selections", studies: "Studies", judged: "Judged", models: "Models" };
const OTHERS = { map: MapView, selections: Selections, studies: StudyView, judged: JudgedView, models: Models };
let about = null, shown = null, asked = 0, lastQuery = null, lastSpread = null;

readAddress();
// The token of the first address is in a cookie now; it need not stay in the history.
history.replaceState(null, "", `?${(() => { const left = new URLSearchParams(location.search); left.delete("token"); return left; })()}`);

// A map needs embeddings, studies and judged answers need folders, and all but these and models need a run.
function views() {
  const { run, layers, studies, judged, models } = about;
  const there = { map: run && layers.length, studies: studies.length, judged: judged.length, models: run || models.length };
  return Object.keys(VIEWS).filter((name) => there[name] ?? run);
}
const view = () => (views().includes(state.view) ? state.view : views()[0]);

function drawBar() {
  byId("title").textContent = about.data;
  document.title = `${about.data}: finegold view`;
  byId("selection").replaceChildren(
    ...about.selections.map((name) => h("option", { value: name, selected: name === about.selection }, name.replace(/-([0-9a-f]{5})[0-9a-f]{7}$/, " $1"))),
    h("option", { value: "", selected: about.selection === "" }, "no selection"),
  );
  const sort = state.sort ?? "row";
  byId("sort").replaceChildren(...about.columns.map((column) => h("option", { value: column.name, selected: column.name === sort }, column.label)));
  byId("order").setAttribute("aria-pressed", String(state.order === "down"));
  byId("views").replaceChildren(...views().map((name) => h("button", { type: "button", "aria-pressed": String(view() === name), onclick: () => change({ view: name }) }, VIEWS[name])));
  document.body.classList.toggle("results", ["studies", "judged"].includes(view()) || !about.run);
  if (document.activeElement !== byId("text")) byId("text").value = state.text ?? "";
  const filters = filterCount();
  byId("filter-count").textContent = filters ? `(${filters})` : "";
  byId("clear").hidden = filters === 0;
}

async function load() {
  asked += 1;
  const mine = asked, current = () => mine === asked;
  lastQuery = query();
  // Together: the first page does not wait for the description of the run.
  const [described, found] = await Promise.all([
    about && about.selection === (state.selection ?? about.selection) && about.other === state.other ? about : get("/api/about", query()).then((read) => ({ ...read, other: state.other })),
    get("/api/rows", query({ start: 0, number: 60, count: 1 })),
  ]);
  if (!current()) return;
  const other = described !== about;
  about = described;
  drawBar();
  if (!shown || shown.layout !== view() || other) {
    shown?.close();
    const Kind = OTHERS[view()] ?? RowList;
    shown = new Kind(byId("content"), about, view());
  }
  shown.show(found);
  if (about.run) drawActions();
  byId("total").textContent = about.run ? totalText(about, found.total) : "";
  if (!about.run) return;
  if (mine === 1) requestAnimationFrame(() => performance.mark("first-rows"));
  // Neither the order nor the view changes how the rows spread.
  const spread = query({ sort: "", order: "", selection: about.selection });
  if (spread !== lastSpread || other) {
    lastSpread = null;  // what stands there now may have been clicked
    await drawFilters(about, current);
    if (current()) lastSpread = spread;
  }
}

onChange((changed) => {
  if (!about) return;
  if (query() !== lastQuery || about.other !== state.other || shown?.layout !== view()) told(load());
  else drawBar();
  shown?.follow?.(changed);
  if (changed?.includes("colour") && shown.layout === "map") shown.refresh();
  if (changed === null || changed.includes("row")) told(drawRow(about, rowActions));
});

const rowActions = (found) => [
  h("button", { type: "button", "aria-label": "Previous row", onclick: () => step(-1) }, "←"),
  h("button", { type: "button", "aria-label": "Next row", onclick: () => step(1) }, "→"),
  ...rowMarks(found),
  found.row.n_images && about.models.length ? h("button", { type: "button", onclick: () => askAbout(found.row) }, "Ask the models") : null,
].filter(Boolean);

function askAbout(row) {
  change({ view: "models", ask: row ? String(row.row) : state.ask, row: null }, { push: true });
}

// The next row of the list, or the one before, while a row is open.
async function step(by) {
  if (!state.row) return;
  const next = shown.list.active + by;
  if (next < 0 || next >= shown.total) return;
  shown.list.active = next;
  const row = shown.list.row(next) ?? (await get("/api/rows", query({ start: next, number: 1 }))).rows[0];
  if (row) change({ row: String(row.row) });
}

byId("selection").addEventListener("change", (event) => change({ selection: event.target.value, filters: {}, area: null, other: null }));
byId("sort").addEventListener("change", (event) => change({ sort: event.target.value }));
byId("order").addEventListener("click", () => change({ order: state.order === "down" ? null : "down" }));
watchFilters();
if (matchMedia("(max-width: 720px)").matches) byId("filter-box").open = false;
watchRow();
const marked = () => (state.row ? openRow()?.row : shown?.active());
const mark = (word) => () => markRow(marked(), word);
watchMarks({
  about: () => about,
  total: () => shown.total,
  refresh: () => { shown.refresh(); told(drawRow(about, rowActions)); told(drawFilters(about, () => true)); },
});
watchKeys({
  step: (by) => told(step(by)),
  extra: { x: mark("veto"), k: mark("keep"), c: mark(null), u: undo, m: () => change({ view: "map" }), s: () => change({ view: "selections" }), a: () => askAbout(marked()) },
  help: [["x", "veto the row"], ["k", "keep it"], ["c", "take its mark back"], ["u", "undo the last action"], ["m, s", "map, selections"], ["a", "ask the models about the row"]],
});
told(load().then(() => drawRow(about, rowActions)).catch((error) => {
  byId("total").textContent = error.message;
  throw error;
}));
