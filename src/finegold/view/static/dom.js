// Elements, numbers and requests. Text is always set as text: nothing of the data becomes markup.

export const byId = (id) => document.getElementById(id);

export function h(tag, properties = {}, ...children) {
  const svg = ["svg", "rect", "path", "g", "circle"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

export const count = (value) => value.toLocaleString("en");
export const rowsOf = (value) => `${count(value)} ${value === 1 ? "row" : "rows"}`;

let timer = 0;
export function notice(text) {
  const line = byId("notice");
  line.textContent = text;
  line.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => { line.hidden = true; }, 9000);
}

// The dialog with a title, a button that closes it, and what is given.
export function sheet(title, ...content) {
  const box = byId("sheet");
  box.setAttribute("aria-label", title);
  box.replaceChildren(h("header", {}, h("h2", {}, title), h("button", { type: "button", onclick: () => box.close() }, "Close")), ...content);
  if (!box.open) box.showModal();
  return box;
}

async function answer(response) {
  const text = await response.text();
  if (response.ok) return response.headers.get("content-type").includes("json") ? JSON.parse(text) : text;
  let said = text;
  try { said = JSON.parse(text).error; } catch { /* plain text */ }
  throw new Error(said);
}

export async function get(path, parameters = "") {
  return answer(await fetch(parameters ? `${path}?${parameters}` : path));
}

export async function post(path, body, parameters = "") {
  const headers = { "content-type": "application/json" };
  return answer(await fetch(parameters ? `${path}?${parameters}` : path, { method: "POST", headers, body: JSON.stringify(body) }));
}

// Posts an object and calls `each` with every JSON line of the answer as it comes.
export async function postLines(path, body, each) {
  const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) return answer(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return undefined;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) each(JSON.parse(line));
  }
}

export async function postFile(path, file, parameters) {
  return answer(await fetch(`${path}?${parameters}`, { method: "POST", body: file }));
}

export function told(promise) {
  return promise.catch((error) => { notice(error.message); });
}
