// Studies with their tables and examples, and judged questions with both answers and both verdicts.

import { count, get, h, told } from "./dom.js";
import { zoomable } from "./row.js";
import { address, change, state } from "./state.js";

const AT_ONCE = 40;
const OUTCOMES = { win: "A wins", tie: "tie", lose: "B wins", invalid: "no verdict" };

const short = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);
const scrolled = (label, ...children) => h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": `${label}, scrollable` }, ...children);
const chosen = (label, options, value, then) => h("label", { class: "field" }, `${label} `, h("select", { onchange: (event) => then(event.target.value || null) }, ...options.map(([name, text]) => h("option", { value: name, selected: name === (value ?? "") }, text))));

function table(caption, heads, rows, kinds = []) {
  return scrolled(caption, h("table", { class: "indicators shift arms" }, h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, h("bdi", {}, head))))),
    h("tbody", {}, ...rows.map(([first, ...rest], at) => h("tr", { class: kinds[at] }, h("th", { scope: "row" }, h("bdi", {}, first)), ...rest.map((cell) => h("td", { class: cell.length > 34 ? "long" : null }, cell)))))));
}

// Cards in portions: a judge may have seen thousands of questions.
function portions(list, draw) {
  const box = h("ol", { class: "pairs" }), more = h("button", { type: "button" });
  let shown = 0;
  const next = () => {
    box.append(...list.slice(shown, shown + AT_ONCE).map(draw));
    shown = Math.min(list.length, shown + AT_ONCE);
    more.textContent = `Show more: ${count(list.length - shown)} left`;
    more.hidden = shown === list.length;
  };
  more.addEventListener("click", next);
  next();
  return [box, h("p", { class: "row-actions" }, more)];
}

const picture = (there, address, of) => (there ? zoomable(address, "Image", of) : h("span", { class: "no-image" }, "no image"));
const side = (who, note, answer, ahead) => h("div", { class: ahead ? "ahead" : "" }, h("p", {}, h("b", {}, h("bdi", {}, who)), " ", note ? h("span", { class: "chip" }, note) : null), h("p", { class: "answer", dir: "auto" }, answer.trim() ? answer : h("span", { class: "quiet" }, "empty answer")));

function pairLink(pair, shown) {
  return h("a", { href: `?${address({ view: "judged", pair: pair.number, outcome: null, category: null })}`, "aria-current": shown ? "true" : null, onclick: (event) => { event.preventDefault(); change({ view: "judged", pair: String(pair.number), outcome: null, category: null }, { push: true }); } },
    h("bdi", {}, pair.a), " against ", h("bdi", {}, pair.b), `: ${pair.counts}${pair.study_name ? ` (study ${pair.study_name})` : ""}`);
}

// What both kinds of page share: they are read again only if their number in the address changed.
class ResultView {
  constructor(content, about, layout) {
    Object.assign(this, { about, layout, list: { active: 0, row: () => null }, total: 0 });
    this.page = h("div", { class: "viewport page", tabindex: "0", role: "region", "aria-label": `${layout}, scrollable` });
    content.replaceChildren(this.page);
  }

  close() { this.closed = true; }

  active() { return null; }

  refresh() {}

  show() { told(this.draw()); }

  follow(changed) {
    if (changed === null || changed.some((name) => this.follows.includes(name))) told(this.draw());
  }

  async read(address) {
    if (this.address !== address) {
      this.address = address;
      this.found = await get(address);
      this.page.scrollTop = 0;
    }
    return this.found;
  }
}

export class StudyView extends ResultView {
  follows = ["study", "arm"];

  async draw() {
    const number = state.study ?? "0", address = `/api/study/${encodeURIComponent(number)}`, found = await this.read(address);
    if (this.closed || this.address !== address) return;
    const examples = found.examples.map((one, at) => ({ ...one, at })).filter((one) => !state.arm || one.said.some((said) => said.arm === state.arm));
    this.page.replaceChildren(...[
      this.about.studies.length > 1 ? h("div", { class: "controls" }, chosen("Study", this.about.studies.map((name, at) => [String(at), name]), number, (value) => change({ study: value, arm: null }, { push: true }))) : null,
      h("h2", {}, h("bdi", {}, found.name)),
      found.about ? h("p", {}, found.about) : null,
      h("ul", { class: "notes" }, ...found.summary.map((sentence) => h("li", {}, sentence))),
      ...found.tables.flatMap((one) => [table(one.title, one.heads, one.rows), h("p", { class: "small quiet" }, one.about)]),
      ...found.questions.flatMap((one) => [
        table(one.title, ["arm", "rows", "seeds", "training", one.metric, `difference to ${found.baseline}`, "verdict"],
          one.lines.map((line) => [line.arm, line.rows, line.seeds, line.cost, line.mean, line.difference, line.verdict]), one.lines.map((line) => line.kind)),
        h("p", { class: "small quiet" }, one.about)]),
      found.judged.length ? h("h2", {}, "Judged pairs") : null,
      found.judged.length ? h("ul", { class: "twins" }, ...found.judged.map((pair) => h("li", {}, pairLink(pair)))) : null,
      found.examples.length ? h("h2", { id: "examples" }, "Examples side by side") : null,
      found.examples.length ? h("p", { class: "small quiet" }, `Images where two arms differ most, so no fair sample of either. The number beside an arm is the answer's ${found.metric}; answers are those of the first seeds.`) : null,
      found.examples.length ? h("div", { class: "controls" }, chosen("Arm", [["", "all"], ...found.arms.map((name) => [name, name])], state.arm, (value) => change({ arm: value })), h("span", { role: "status" }, `${count(examples.length)} of ${count(found.examples.length)} examples`)) : null,
      ...(found.examples.length ? portions(examples, (one) => this.example(number, one)) : []),
      found.notes.length ? h("h2", {}, "Notes") : null,
      h("ul", { class: "notes" }, ...found.notes.map((note) => h("li", {}, note))),
      h("dl", { class: "facts" }, ...found.facts.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
    ].filter(Boolean));
  }

  example(number, one) {
    return h("li", {},
      h("div", { class: "shown" }, picture(true, `/study/${number}/${one.at}`, `example ${one.at + 1}`),
        h("div", {}, h("p", { class: "asked", dir: "auto" }, short(one.prompt, 400)), one.reference ? h("p", { class: "small", dir: "auto" }, h("span", { class: "quiet" }, "A reference: "), short(one.reference, 800)) : null)),
      h("div", { class: "beside" }, ...one.said.map((said) => side(said.arm, said.score, said.answer, said.better))),
      one.judge ? h("p", { class: "why", dir: "auto" }, h("span", { class: "quiet" }, "The judge: "), one.judge) : null);
  }
}

export class JudgedView extends ResultView {
  follows = ["pair", "outcome", "category"];

  async draw() {
    const number = state.pair ?? "0", address = `/api/judged/${encodeURIComponent(number)}`, found = await this.read(address);
    if (this.closed || this.address !== address) return;
    const fits = (one, without) => ["outcome", "category"].every((name) => name === without || !state[name] || one[name] === state[name]);
    const listed = found.questions.map((one, at) => ({ ...one, at })).filter((one) => fits(one));
    const options = (name, words) => {
      const values = [...new Set(found.questions.map((one) => one[name]))], number = (value) => found.questions.filter((one) => fits(one, name) && (!value || one[name] === value)).length;
      return ["", ...values].map((value) => [value, `${value ? words[value] ?? value : "all"} (${count(number(value))})`]);
    };
    this.page.replaceChildren(...[
      this.about.judged.length > 1 ? h("ul", { class: "twins" }, ...this.about.judged.map((pair) => h("li", {}, pairLink(pair, String(pair.number) === number)))) : null,
      h("h2", {}, h("bdi", {}, found.a), " against ", h("bdi", {}, found.b)),
      h("p", {}, `${found.counts}. Judged by ${found.model}${found.dates.length ? `, ${found.dates.join(" to ")}` : ""}, each question in both orders: a win is two wins, or a win and a tie; a win and a loss is a tie.`),
      found.stopped ? h("p", { class: "why" }, `It stopped early: ${found.stopped}.`) : null,
      table("Outcomes", ["questions", "win rate (95%)", "net wins (95%)", "sign test"], found.rows),
      table("Scores", ["questions", "equal or better (95%)", `relative to ${found.b}, %, both orders`, `the same, ${found.b} shown first`, "ratings without a number"], found.ratings),
      h("details", {}, h("summary", {}, "The judge"), h("dl", { class: "facts" }, ...found.bias.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))))),
      ...found.notes.map((note) => h("p", { class: "small quiet" }, note)),
      h("h2", {}, "Questions"),
      h("p", { class: "small quiet" }, "A is ", h("bdi", {}, found.a), ", B is ", h("bdi", {}, found.b), "."),
      found.complete ? null : h("p", { class: "why" }, `This folder keeps the verdicts without the answers: run the same finegold ${found.study === null ? "judge" : "study"} command again, whose calls are in the cache, to see them.`),
      h("div", { class: "controls" }, chosen("Outcome", options("outcome", OUTCOMES), state.outcome, (value) => change({ outcome: value })), chosen("Category", options("category", {}), state.category, (value) => change({ category: value })),
        h("span", { role: "status" }, `${count(listed.length)} of ${count(found.questions.length)} questions`)),
      ...portions(listed, (one) => this.question(number, found, one)),
    ].filter(Boolean));
  }

  question(number, found, one) {
    const names = ["A shown first", "B shown first"];
    return h("li", {},
      h("p", {}, h("span", { class: `chip ${one.outcome === "win" ? "gold" : ""}` }, OUTCOMES[one.outcome]), ` ${one.category}, question ${one.id}`),
      h("div", { class: "shown" }, picture(one.image, `/judged/${number}/${one.at}`, `question ${one.id}`), h("p", { class: "asked", dir: "auto" }, one.text)),
      found.complete ? h("div", { class: "beside" }, side("A", null, one.answers[0], one.outcome === "win"), side("B", null, one.answers[1], one.outcome === "lose")) : null,
      h("ul", { class: "verdicts" }, ...one.verdicts.map((verdict, at) => h("li", {}, one.replies[at]
        ? h("details", {}, h("summary", {}, verdict), h("p", { class: "why answer", dir: "auto" }, one.replies[at]))
        : h("span", { title: names[at] }, verdict)))));
  }
}
