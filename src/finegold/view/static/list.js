// A list of any length of which only the visible part is in the page: cards in columns, or lines of a table.

const PAGE = 60, MOST_HEIGHT = 8e6, SPARE = 2;

export class VirtualList {
  // `read(start, number)` gives rows; `draw(row, index)` an element; `size(width)` the columns and the height of a line.
  constructor(viewport, space, { read, draw, size, role }) {
    Object.assign(this, { viewport, space, read, draw, size, role });
    this.total = 0;
    this.generation = 0;
    this.shown = new Map();
    this.pages = new Map();
    this.active = 0;
    viewport.addEventListener("scroll", () => this.later(), { passive: true });
    this.observer = new ResizeObserver(() => { this.clear(); this.update(); });
    this.observer.observe(viewport);
  }

  close() { this.observer.disconnect(); this.generation += 1; }

  reset(total, first) {
    this.generation += 1;
    this.total = total;
    this.pages = new Map(first ? [[0, first]] : []);
    this.active = 0;
    this.wanted = null;
    this.clear();
    this.viewport.scrollTop = 0;
    this.update();
  }

  // Read again what is shown, and stay where one is.
  refresh() {
    this.generation += 1;
    this.stale = this.pages;
    this.pages = new Map();
    this.update(true);
  }

  clear() { for (const element of this.shown.values()) element.remove(); this.shown.clear(); }

  later() { if (!this.waiting) { this.waiting = true; requestAnimationFrame(() => { this.waiting = false; this.update(); }); } }

  geometry() {
    const [columns, height] = this.size(this.space.clientWidth);
    const lines = Math.ceil(this.total / columns), real = lines * height;
    const seen = this.viewport.clientHeight, offset = this.space.offsetTop;
    const drawn = Math.min(real, MOST_HEIGHT);
    const ratio = real > drawn ? (real - seen) / (drawn - seen) : 1;
    return { columns, height, lines, drawn, ratio, seen, offset };
  }

  row(index) { return (this.pages.get(Math.floor(index / PAGE)) ?? this.stale?.get(Math.floor(index / PAGE)))?.[index % PAGE]; }

  update(again = false) {
    const { columns, height, lines, drawn, ratio, seen, offset } = this.geometry();
    this.space.style.height = `${drawn}px`;
    const scrolled = Math.max(0, this.viewport.scrollTop - offset), top = scrolled * ratio;
    const from = Math.max(0, Math.floor(top / height) - SPARE);
    const to = Math.min(lines, Math.ceil((top + seen) / height) + SPARE);
    const first = from * columns, last = Math.min(this.total, to * columns);
    for (const [index, element] of this.shown) if (index < first || index >= last) { element.remove(); this.shown.delete(index); }
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page += 1) this.want(page);
    for (let index = first; index < last; index += 1) {
      let element = this.shown.get(index);
      const row = this.row(index);
      if (!element || again || (row && element.dataset.empty)) {
        const made = row ? this.draw(row, index) : this.placeholder();
        if (this.role === "row") made.setAttribute("aria-rowindex", index + 2);
        else { made.setAttribute("aria-setsize", this.total); made.setAttribute("aria-posinset", index + 1); }
        made.dataset.index = index;
        const focused = element && element.contains(document.activeElement);
        if (element) element.replaceWith(made);
        else this.place(made, index);
        this.shown.set(index, made);
        element = made;
        if (focused) this.focusable(made)?.focus({ preventScroll: true });
      }
      if (index === this.wanted && row) {
        this.wanted = null;
        queueMicrotask(() => this.focusable(element)?.focus({ preventScroll: true }));
      }
      const line = Math.floor(index / columns);
      element.style.transform = `translateY(${scrolled + line * height - top}px)`;
      element.style.left = `${(index % columns) * (100 / columns)}%`;
      element.style.width = `${100 / columns}%`;
      element.style.height = `${height}px`;
    }
  }

  // In order, so that Tab and a screen reader follow the rows.
  place(element, index) {
    let next = null;
    for (const [other, shown] of this.shown) if (other > index && (next === null || other < next[0])) next = [other, shown];
    this.space.insertBefore(element, next ? next[1] : null);
  }

  placeholder() {
    const element = document.createElement("div");
    element.className = "item";
    element.dataset.empty = "yes";
    element.setAttribute("role", this.role);
    return element;
  }

  focusable(element) { return element.querySelector("a, button"); }

  async want(page) {
    if (this.pages.has(page)) return;
    this.pages.set(page, null);
    const { generation } = this;
    try {
      const rows = await this.read(page * PAGE, PAGE);
      if (generation !== this.generation) return;
      this.pages.set(page, rows);
      this.update(true);
    } catch { if (generation === this.generation) this.pages.delete(page); }
  }

  // Bring a row into view and focus it.
  focus(index) {
    if (!this.total) return;
    const target = Math.max(0, Math.min(this.total - 1, index));
    const { columns, height, ratio, seen, offset } = this.geometry();
    const line = Math.floor(target / columns), top = Math.max(0, this.viewport.scrollTop - offset) * ratio;
    if (line * height < top) this.viewport.scrollTop = line * height / ratio + offset * (line > 0);
    else if ((line + 1) * height > top + seen - offset) this.viewport.scrollTop = ((line + 1) * height - seen + offset) / ratio + offset;
    this.active = target;
    this.wanted = target;
    this.update();
  }

  columns() { return this.geometry().columns; }
}
