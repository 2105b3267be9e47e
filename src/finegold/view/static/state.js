// What the page shows is in its address, so that a link shows the same.

// These decide which rows there are, and in what order.
const OF_ROWS = ["selection", "text", "sort", "order", "area", "layer", "other"];
const SINGLE = [...OF_ROWS, "view", "row", "colour", "ask", "study", "arm", "pair", "outcome", "category"];

export const state = { filters: {} };
const listeners = [];

export function readAddress() {
  const found = new URLSearchParams(location.search);
  for (const name of SINGLE) state[name] = found.get(name);
  state.filters = {};
  for (const [name, value] of found) {
    if (name.startsWith("f.")) (state.filters[name.slice(2)] ??= []).push(value);
  }
}

export function address(changes = {}) {
  const shown = { ...state, ...changes }, found = new URLSearchParams();
  for (const name of SINGLE) if (shown[name] !== null && shown[name] !== undefined && shown[name] !== "") found.set(name, shown[name]);
  // An empty selection means none, and differs from one that is not named.
  if (shown.selection === "") found.set("selection", "");
  for (const [name, values] of Object.entries(shown.filters)) for (const value of values) found.append(`f.${name}`, value);
  return found;
}

// The part of the address that decides which rows there are, and in what order.
export function query(extra = {}) {
  const found = address();
  for (const name of SINGLE) if (!OF_ROWS.includes(name)) found.delete(name);
  for (const [name, value] of Object.entries(extra)) found.set(name, value);
  return found.toString();
}

export function change(changes, { push = false } = {}) {
  Object.assign(state, changes);
  history[push ? "pushState" : "replaceState"](null, "", `?${address()}`);
  for (const listener of listeners) listener(Object.keys(changes));
}

export function onChange(listener) {
  listeners.push(listener);
  window.addEventListener("popstate", () => { readAddress(); listener(null); });
}

export function filterBy(name, values) {
  const filters = { ...state.filters };
  if (values && values.length) filters[name] = values;
  else delete filters[name];
  change({ filters, row: null });
}
