// Veto and keep: a row or all rows of the filter, undo, and choosing again.

import { byId, count, h, notice, post, rowsOf, sheet, told } from "./dom.js";
import { markText } from "./rows.js";
import { change, query, state } from "./state.js";

let page = null;

async function send(path, body) {
  const found = await post(path, body, query());
  page.about().marks = found;
  page.refresh();
  drawActions();
  return found;
}

export function markRow(row, mark, note = "") {
  if (page.about().read_only) return notice("This view is read-only.");
  if (!row) return undefined;
  if (!row.usable) return notice("This row cannot be used, so it is out already.");
  return told(send("/api/marks", { rows: [row.row], mark, note }).then(() => {
    notice(`${row.sample_id}: ${mark ? markText[mark] : "not marked any more"}. u undoes it.`);
  }));
}

export function undo() {
  return told(send("/api/undo", {}).then(({ undone }) => {
    notice(undone ? `Undone: ${rowsOf(undone.rows)} ${undone.mark ? markText[undone.mark] : "no longer marked"}.` : "There is nothing to undo.");
  }));
}

function markShown(mark) {
  const total = page.total(), note = h("input", { type: "text", maxlength: 2000, id: "note", autocomplete: "off" });
  const name = mark ? { veto: "Veto", keep: "Keep" }[mark] : "Take back the marks of";
  const box = sheet(`${name} ${rowsOf(total)}`,
    h("p", {}, `All rows that the filter shows, as far as they can be chosen: ${rowsOf(total)} at most.`),
    h("p", {}, h("label", {}, "Note ", note)),
    h("button", { type: "button", class: "main", onclick: () => told(send("/api/marks", { filtered: true, mark, note: note.value }).then(({ changed }) => {
      box.close();
      notice(`${rowsOf(changed)} ${mark ? markText[mark] : "no longer marked"}. u undoes it.`);
    })) }, `${name} them`));
  note.focus();
}

async function chooseAgain() {
  const { marks } = page.about();
  const box = sheet("Choose again", h("p", { role: "status" }, `Choosing with ${count(marks.veto)} vetoed and ${count(marks.keep)} kept rows…`));
  try {
    const found = await post("/api/choose", {}, query());
    box.close();
    if (found.selection === found.before) { notice("The marks change nothing: the same rows are chosen."); return; }
    change({ selection: found.selection, other: found.before, filters: { change: ["only here", "only there"] }, text: null, area: null, row: null, view: state.view === "table" ? "table" : null }, { push: true });
    notice(`Chosen again: ${rowsOf(found.only_one)} came in, ${rowsOf(found.only_other)} went out, ${count(found.both)} stayed.`);
  } catch (error) {
    box.close();
    throw error;
  }
}

function history() {
  const { marks } = page.about();
  sheet("Marks", h("p", {}, `${rowsOf(marks.veto)} vetoed, ${rowsOf(marks.keep)} kept. The last actions:`),
    h("ul", { class: "twins" }, ...marks.history.map((one) => h("li", {}, `${one.time.replace("T", " ").slice(0, 16)}: ${rowsOf(one.rows)} ${one.mark ? markText[one.mark] : "no longer marked"}${one.note ? `: ${one.note}` : ""}`))));
}

// Buttons above the list.
export function drawActions() {
  const about = page.about(), { marks } = about, button = (label, onclick, extra = {}) => h("button", { type: "button", onclick, ...extra }, label);
  const exported = h("details", { class: "menu" }, h("summary", {}, "Export"), h("ul", {},
    ...[["csv", "These rows as CSV"], ["label-studio", "These rows for Label Studio"], ["fiftyone", "These rows for FiftyOne"], about.selection ? ["subset", "The chosen subset with its images"] : null]
      .filter(Boolean).map(([kind, label]) => h("li", {}, h("a", { href: `/export/${kind}?${query()}`, download: "" }, label)))));
  byId("actions").replaceChildren(...[
    about.read_only ? h("span", { class: "quiet small" }, "read-only") : null,
    about.read_only ? null : button("Veto these", () => markShown("veto")),
    about.read_only ? null : button("Keep these", () => markShown("keep")),
    marks.history.length && !about.read_only ? button("Undo", undo) : null,
    marks.history.length ? button(`${count(marks.veto)} vetoed, ${count(marks.keep)} kept`, history) : null,
    about.selection && !about.read_only ? button("Choose again", () => told(chooseAgain()), { class: marks.veto + marks.keep ? "main" : "" }) : null,
    exported,
  ].filter(Boolean));
}

// Buttons of an open row.
export function rowMarks(found) {
  const { row } = found, about = page.about();
  if (about.read_only || !row.usable) return [];
  const note = h("input", { type: "text", maxlength: 2000, placeholder: "note", "aria-label": "Note", value: found.mark?.note ?? "", class: "note" });
  const button = (mark, label) => h("button", { type: "button", "aria-pressed": String((found.mark?.mark ?? null) === mark), onclick: () => markRow(row, mark, note.value) }, label);
  return [note, button("veto", "Veto"), button("keep", "Keep"), found.mark ? button(null, "Take back") : null].filter(Boolean);
}

export function watchMarks(given) { page = given; }
