"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  for (const element of document.querySelectorAll(".needs-script")) element.hidden = false;

  function gallery() {
    const first = byId("first"), rest = byId("rest"), order = byId("order"), cluster = byId("cluster"), find = byId("find");
    if (!first) return;
    const cards = [...document.querySelectorAll("#first > .card, #rest > .card")].map((element) => ({
      element,
      values: element.dataset.values.split(" ").map(Number),
      text: element.textContent.toLowerCase(),
    }));
    const shown = Number(first.dataset.first), score = byId("score"), low = byId("low"), high = byId("high");
    // The limits of the chosen rows' scores stand in the empty fields.
    function limits() {
      const known = cards.map((card) => card.values[Number(score.value)]).filter(Number.isFinite);
      const shorter = (value) => (known.length ? String(Number(value.toPrecision(4))) : "");
      [low.placeholder, high.placeholder] = [shorter(Math.min(...known)), shorter(Math.max(...known))];
    }
    function inRange(card) {
      if (!score || (low.value === "" && high.value === "")) return true;
      const value = card.values[Number(score.value)];
      return Number.isFinite(value) && (low.value === "" || value >= Number(low.value)) && (high.value === "" || value <= Number(high.value));
    }
    function update() {
      const [column, sign] = order.value.split(" ").map(Number);
      const wanted = cluster ? cluster.value : "", words = find.value.trim().toLowerCase();
      const key = (card) => (Number.isNaN(card.values[column]) ? Infinity : sign * card.values[column]);
      const matching = cards
        .filter((card) => (!wanted || card.element.dataset.cluster === wanted) && card.text.includes(words) && inRange(card))
        .sort((a, b) => { const x = key(a), y = key(b); return x === y ? a.values[0] - b.values[0] : x - y; });
      first.replaceChildren(...matching.slice(0, shown).map((card) => card.element));
      if (rest) {
        const more = matching.slice(shown);
        rest.replaceChildren(...more.map((card) => card.element));
        rest.parentElement.hidden = more.length === 0;
        byId("others").textContent = `Show the other ${more.length}`;
      }
      byId("matches").textContent = matching.length === cards.length ? "" : `${matching.length} of ${cards.length}`;
    }
    for (const control of [order, cluster, find, low, high]) if (control) control.addEventListener("input", update);
    if (score) {
      score.addEventListener("input", () => { low.value = ""; high.value = ""; limits(); update(); });
      limits();
    }
    return () => {
      for (const control of [cluster, find, low, high]) if (control) control.value = "";
      update();
    };
  }

  // A link to a row shows it, also one that a filter or a closed part hides.
  function follow(showAll) {
    const named = () => {
      const hash = location.hash.slice(1);
      try { return byId(hash) || byId(decodeURIComponent(hash)); } catch { return null; }
    };
    if (!/^#(row|place)-/.test(location.hash)) return;
    if (!named() && showAll) showAll();
    const element = named();
    if (!element) return;
    for (let part = element.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    element.scrollIntoView({ block: "center" });
  }

  // A thumbnail whose image is in no file is shown as large as the page has it.
  function pictures() {
    const box = document.createElement("dialog"), close = Object.assign(document.createElement("button"), { type: "button", textContent: "Close" });
    box.id = "large";
    close.addEventListener("click", () => box.close());
    document.body.append(box);
    for (const link of document.querySelectorAll("a.opens:not([href])")) {
      const open = () => {
        const { src, alt } = link.firstElementChild;
        box.setAttribute("aria-label", alt);
        box.replaceChildren(Object.assign(new Image(), { src, alt }), close);
        box.showModal();
      };
      link.setAttribute("role", "button");
      link.tabIndex = 0;
      link.addEventListener("click", open);
      link.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } });
    }
  }

  function map() {
    const data = JSON.parse(byId("data").textContent), canvas = byId("points"), tip = byId("tip");
    if (!data) return;
    const pen = canvas.getContext("2d"), pad = 14, count = data.x.length;
    const buttons = [...document.querySelectorAll(".filters button")];
    let side = 0, current = -1, only = new Set();
    const place = (values, i) => pad + (values[i] / data.grid) * (side - 2 * pad);
    const shows = (i) => only.size === 0 || only.has(data.cluster[i]);
    const colour = (i) => data.colours[(data.cluster[i] || 0) % data.colours.length];

    function dot(i, radius) {
      pen.beginPath();
      pen.arc(place(data.x, i), place(data.y, i), radius, 0, 7);
      pen.fill();
    }
    function draw(paper, ink) {
      const scale = window.devicePixelRatio || 1, css = getComputedStyle(document.documentElement);
      paper = paper || css.getPropertyValue("--paper");
      ink = ink || css.getPropertyValue("--ink");
      side = canvas.clientWidth;
      canvas.width = canvas.height = Math.round(side * scale);
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      const small = side < 480 ? 1.5 : 2.1, large = side < 480 ? 3.2 : 4.4;
      for (let i = 0; i < count; i++) {
        if (data.rank[i]) continue;
        pen.globalAlpha = shows(i) ? 0.42 : 0.06;
        pen.fillStyle = colour(i);
        dot(i, small);
      }
      for (let i = 0; i < count; i++) {
        if (!data.rank[i]) continue;
        pen.globalAlpha = shows(i) ? 1 : 0.1;
        pen.fillStyle = ink; dot(i, large + 1.3);
        pen.fillStyle = colour(i); dot(i, large);
      }
      pen.globalAlpha = 1;
      const members = new Map();
      data.cluster.forEach((label, i) => members.set(label, [...(members.get(label) || []), i]));
      pen.font = "600 15px ui-sans-serif, system-ui, sans-serif";
      pen.textAlign = "center"; pen.textBaseline = "middle"; pen.lineJoin = "round"; pen.lineWidth = 5;
      for (const [label, rows] of members) {
        if (!shows(rows[0])) continue;
        const middle = (values) => rows.map((i) => place(values, i)).sort((a, b) => a - b)[rows.length >> 1];
        const x = middle(data.x), y = middle(data.y);
        pen.strokeStyle = paper; pen.strokeText(label + 1, x, y);
        pen.fillStyle = ink; pen.fillText(label + 1, x, y);
      }
      if (current >= 0) {
        pen.strokeStyle = ink; pen.lineWidth = 2;
        pen.beginPath(); pen.arc(place(data.x, current), place(data.y, current), large + 5, 0, 7); pen.stroke();
      }
    }
    function select(i) {
      if (i === current) return;
      current = i;
      draw();
      tip.hidden = i < 0;
      if (i < 0) return;
      const line = (text, tag) => Object.assign(document.createElement(tag), { textContent: text });
      const picture = document.querySelector(`img[data-row="${data.row[i]}"]`);
      const parts = [line(data.id[i], "b"), line(data.rank[i] ? `picked, rank ${data.rank[i]}` : "not picked", "span")];
      if (data.cluster.length) parts.push(line(`cluster ${data.cluster[i] + 1}`, "span"));
      if (data.quality.length && data.quality[i] !== null) parts.push(line(`quality ${data.quality[i]}`, "span"));
      if (picture) parts.unshift(Object.assign(new Image(), { src: picture.src, alt: "" }));
      tip.replaceChildren(...parts);
      const x = place(data.x, i), y = place(data.y, i), width = tip.offsetWidth, height = tip.offsetHeight;
      tip.style.left = `${Math.max(0, Math.min(side - width, x - width / 2))}px`;
      tip.style.top = `${y > height + 16 ? y - height - 14 : y + 14}px`;
    }
    function nearest(event) {
      const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      let best = -1, least = 16 * 16;
      for (let i = 0; i < count; i++) {
        if (!shows(i)) continue;
        // A picked row lies on top of its neighbours, so it is also the easier one to hit.
        const distance = ((place(data.x, i) - x) ** 2 + (place(data.y, i) - y) ** 2) * (data.rank[i] ? 0.4 : 1);
        if (distance < least) { least = distance; best = i; }
      }
      return best;
    }
    canvas.addEventListener("pointermove", (event) => select(nearest(event)));
    canvas.addEventListener("pointerdown", (event) => select(nearest(event)));
    const go = () => {
      const card = current >= 0 && document.querySelector(`[data-card="${data.row[current]}"]`);
      if (card) location.hash = card.id;
    };
    canvas.addEventListener("dblclick", go);
    canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") select(-1); });
    canvas.addEventListener("blur", () => select(-1));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") select(-1);
      if (event.key === "Enter") go();
      if (!step) return;
      event.preventDefault();
      const picked = [...Array(count).keys()].filter((i) => data.rank[i] && shows(i));
      const at = picked.indexOf(current), next = at < 0 ? (step > 0 ? 0 : picked.length - 1) : at + step;
      if (picked.length) select(picked[(next + picked.length) % picked.length]);
    });
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const label = Number(button.dataset.cluster), on = !only.has(label);
        if (on) only.add(label); else only.delete(label);
        button.setAttribute("aria-pressed", String(on));
        current = -1; tip.hidden = true;
        draw();
      });
    }
    new ResizeObserver(() => { if (canvas.clientWidth !== side) draw(); }).observe(canvas);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
    window.addEventListener("beforeprint", () => draw("#ffffff", "#1c1b19"));
    window.addEventListener("afterprint", () => draw());
    draw();
  }

  const showAll = gallery();
  map();
  pictures();
  window.addEventListener("hashchange", () => follow(showAll));
  follow(showAll);
})();
