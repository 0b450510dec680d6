"use strict";
// An item is [lane, row, began, ended, tone, label, detail, value, request]; times are seconds, a value is a lag in ms.
const LANE = 0, ROW = 1, BEGAN = 2, ENDED = 3, TONE = 4, LABEL = 5, DETAIL = 6, VALUE = 7, REQUEST = 8;
const GUTTER = 190, AXIS = 30, ROW_HEIGHT = 16, LAG_HEIGHT = 44, GAP = 6, REACH = 4;
const TONES = { critical: "server", error: "server", warning: "client", info: "lag", debug: "other", unknown: "other",
  aborted: "none", open: "none", left: "none" };
const colours = {};

// When a record shows a violation; a lag is told of when it is over.
function when(item) { return item[VALUE] === null ? item[BEGAN] : item[ENDED]; }

class Chart {
  constructor(section, data) {
    this.section = section;
    this.items = data.items;
    this.violations = data.violations;
    this.box = section.querySelector(".chart");
    this.canvas = section.querySelector("canvas");
    this.tip = section.querySelector(".tip");
    this.shown = section.querySelector(".record");
    this.chosen = null;
    this.lay(data.lanes);
    this.fit();
    this.listen();
    this.draw();
    section.dataset.items = this.items.length;
  }

  lay(lanes) {
    let top = AXIS + GAP;
    this.lanes = lanes.map(([name, count]) => {
      const height = name === "loop lag" ? LAG_HEIGHT : ROW_HEIGHT;
      const lane = { name, top, height, rows: Array.from({ length: count }, () => []) };
      top += count * height + GAP;
      return lane;
    });
    this.height = top;
    // Rows come sorted by their beginning, and no two bars of one overlap: so they are sorted by their end, too.
    this.items.forEach((item, number) => this.lanes[item[LANE]].rows[item[ROW]].push(number));
    this.lagMax = Math.max(1, ...this.items.filter((item) => item[VALUE] !== null).map((item) => item[VALUE]));
    const began = this.items.reduce((least, item) => Math.min(least, item[BEGAN]), Infinity);
    const ended = this.items.reduce((most, item) => Math.max(most, item[ENDED]), -Infinity);
    const pad = Math.max((ended - began) * 0.01, 0.0005);
    this.range = [began - pad, ended + pad];
    this.box.querySelector(".rest").style.height = "0";
  }

  fit() { this.view = [...this.range]; }

  size() {
    const width = this.box.clientWidth, height = Math.min(this.height, Math.max(this.box.clientHeight, 120));
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.box.querySelector(".rest").style.height = `${this.height - height}px`;
    this.width = width;
    this.visible = height;
    return ratio;
  }

  x(seconds) { return GUTTER + (seconds - this.view[0]) / (this.view[1] - this.view[0]) * (this.width - GUTTER - 8); }
  seconds(x) { return this.view[0] + (x - GUTTER) / (this.width - GUTTER - 8) * (this.view[1] - this.view[0]); }

  draw() {
    const ratio = this.size(), pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.fillStyle = colours.paper;
    pen.fillRect(0, 0, this.width, this.visible);
    const up = this.box.scrollTop;
    let drawn = 0;
    const bands = this.lanes.filter((_, number) => number % 2 === 0);
    for (const lane of bands) this.fill(pen, colours.band, 0, lane.top - up - GAP / 2, this.width, lane.rows.length * lane.height + GAP);
    this.drawTicks(pen, this.visible, "");
    for (const lane of this.lanes) {
      const height = lane.rows.length * lane.height;
      if (lane.top + height < up || lane.top > up + this.visible) continue;
      this.write(pen, colours.ink, lane.name, 8, lane.top - up + 8, GUTTER - 16);
      lane.rows.forEach((row, at) => { drawn += this.drawRow(pen, row, lane, lane.top + at * lane.height - up); });
    }
    this.fill(pen, colours.paper, 0, 0, this.width, AXIS);
    this.drawTicks(pen, AXIS, " s");
    this.drawViolations(pen, up);
    if (this.chosen !== null) this.drawChosen(pen, up);
    this.section.dataset.drawn = drawn;
  }

  fill(pen, colour, x, y, width, height) {
    pen.fillStyle = colour;
    pen.fillRect(x, y, width, height);
  }

  write(pen, colour, text, x, y, room) {
    pen.fillStyle = colour;
    let said = text, kept = Math.min(text.length, Math.floor(room / 3));
    while (kept > 0 && pen.measureText(said).width > room) {
      kept -= 1;
      said = `${text.slice(0, kept)}\u2026`;
    }
    pen.fillText(said, x, y);
  }

  // What would lie on a pixel that is taken is not drawn again: it counts as drawn, and is found by its place.
  drawRow(pen, row, lane, y) {
    let taken = -1, count = 0;
    if (lane.name === "log" && row.length) this.write(pen, colours.quiet, this.items[row[0]][TONE], GUTTER - 60, y + 8, 56);
    const request = this.chosen === null ? "" : this.items[this.chosen][REQUEST];
    for (let at = this.first(row, this.view[0]); at < row.length; at += 1) {
      const item = this.items[row[at]];
      if (item[BEGAN] > this.view[1]) break;
      count += 1;
      if (request && item[REQUEST] === request) this.underline(pen, item, y + lane.height - 2);
      const left = Math.max(this.x(item[BEGAN]), GUTTER), right = Math.min(this.x(item[ENDED]), this.width);
      const width = Math.max(right - left, item[ENDED] > item[BEGAN] ? 2 : 3);
      if (left + width <= taken) continue;
      taken = Math.floor(left + width);
      const colour = colours[TONES[item[TONE]] || item[TONE]] || colours.other;
      if (item[VALUE] !== null) {
        const high = Math.max(1, item[VALUE] / this.lagMax * (lane.height - 14));
        this.fill(pen, colour, left, y + lane.height - high, width, high);
        if (width > 40) this.write(pen, colours.ink, item[LABEL], left + 3, y + 6, width - 4);
        continue;
      }
      this.fill(pen, colour, left, y + 1, width > 4 ? width - 1 : width, lane.height - 3);
      if (width > 34) this.write(pen, colours.paper, item[LABEL], left + 3, y + lane.height / 2, width - 6);
    }
    return count;
  }

  // What belongs to the request of the record that is chosen.
  underline(pen, item, y) {
    const left = Math.max(this.x(item[BEGAN]), GUTTER);
    this.fill(pen, colours.ink, left, y, Math.max(Math.min(this.x(item[ENDED]), this.width) - left, 3), 2);
  }

  first(row, seconds) {
    let low = 0, high = row.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.items[row[middle]][ENDED] < seconds) low = middle + 1; else high = middle;
    }
    return low;
  }

  drawTicks(pen, bottom, unit) {
    const span = this.view[1] - this.view[0], rough = span / Math.max(2, (this.width - GUTTER) / 110);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    for (let tick = Math.ceil(this.view[0] / step); tick * step <= this.view[1]; tick += 1) {
      const x = this.x(tick * step);
      this.fill(pen, colours.line, x, AXIS - 8, 1, bottom - AXIS + 8);
      if (unit) this.write(pen, colours.quiet, (tick * step).toFixed(digits) + unit, x + 3, AXIS - 8, 100);
    }
    this.fill(pen, colours.line, 0, AXIS, this.width, 1);
    this.fill(pen, colours.line, GUTTER - 1, 0, 1, bottom);
  }

  drawViolations(pen, up) {
    let taken = -100;
    const placed = this.violations.map(([number], index) => [number, index]).filter(([number]) => number !== null);
    for (const [number, index] of placed.sort((one, other) => when(this.items[one[0]]) - when(this.items[other[0]]))) {
      const item = this.items[number], x = this.x(when(item));
      if (x < GUTTER || x > this.width) continue;
      this.fill(pen, colours.violation, x - 0.5, 14, 1.5, this.visible);
      this.outline(pen, colours.violation, item, up);
      if (x - taken < 14) continue;
      taken = x;
      this.fill(pen, colours.violation, x - 7, 0, 14 + 6 * (index > 8), 14);
      this.write(pen, colours.paper, String(index + 1), x - 3, 7, 30);
    }
  }

  outline(pen, colour, item, up) {
    const lane = this.lanes[item[LANE]], y = lane.top + item[ROW] * lane.height - up;
    const left = Math.max(this.x(item[BEGAN]), GUTTER), right = Math.min(this.x(item[ENDED]), this.width);
    if (y < AXIS - lane.height || right < left - 1) return;
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.strokeRect(left - 1.5, y - 0.5, Math.max(right - left, 3) + 3, lane.height);
  }

  drawChosen(pen, up) { this.outline(pen, colours.ink, this.items[this.chosen], up); }

  // The item at a point, or one within reach of it.
  at(x, y) {
    const from = y + this.box.scrollTop;
    const lane = this.lanes.find((each) => from >= each.top && from < each.top + each.rows.length * each.height);
    if (!lane || x < GUTTER || y < AXIS) return null;
    const row = lane.rows[Math.floor((from - lane.top) / lane.height)];
    let best = null, least = REACH + 1;
    for (let at = this.first(row, this.seconds(x - REACH)); at < row.length; at += 1) {
      const item = this.items[row[at]], left = this.x(item[BEGAN]);
      if (left > x + REACH) break;
      const away = Math.max(left - x, x - Math.max(this.x(item[ENDED]), left + 3), 0);
      if (away < least) [best, least] = [row[at], away];
    }
    return best;
  }

  choose(number, { point = null, move = false } = {}) {
    if (number === null) { this.tip.hidden = true; return; }
    this.chosen = number;
    const item = this.items[number], lane = this.lanes[item[LANE]];
    const last = item[ENDED] > item[BEGAN] ? `..${item[ENDED].toFixed(3)}` : "";
    const wrong = this.violations.flatMap(([at, name], index) => at === number ? [`violation ${index + 1}: ${name}\n`] : []);
    this.shown.textContent = `${wrong.join("")}${item[LABEL]}\n${lane.name}, ${item[BEGAN].toFixed(3)}${last} s\n\n${item[DETAIL]}`;
    this.shown.dataset.item = number;
    this.shown.scrollTop = 0;
    if (move) this.show(item, lane);
    const [x, y] = point || [this.x(item[BEGAN]), lane.top + item[ROW] * lane.height - this.box.scrollTop];
    this.tip.textContent = item[LABEL];
    this.tip.style.left = `${Math.max(0, Math.min(x + 12, this.width - 320))}px`;
    this.tip.style.top = `${y + this.box.scrollTop + (y > this.visible - 50 ? -30 : 18)}px`;
    this.tip.hidden = false;
    this.draw();
  }

  // Moves the view so that an item is in it.
  show(item, lane) {
    const y = lane.top + item[ROW] * lane.height, span = this.view[1] - this.view[0];
    if (y < this.box.scrollTop + AXIS) this.box.scrollTop = y - AXIS;
    if (y + lane.height > this.box.scrollTop + this.visible) this.box.scrollTop = y + lane.height - this.visible;
    if (item[BEGAN] < this.view[0] || item[BEGAN] > this.view[1]) this.move(item[BEGAN] - span / 2 - this.view[0]);
  }

  move(by) {
    const span = this.view[1] - this.view[0];
    const from = Math.min(Math.max(this.view[0] + by, this.range[0]), Math.max(this.range[1] - span, this.range[0]));
    this.view = [from, from + span];
  }

  zoom(factor, around = (this.view[0] + this.view[1]) / 2) {
    const whole = this.range[1] - this.range[0];
    const span = Math.min(Math.max((this.view[1] - this.view[0]) * factor, 1e-6), whole);
    const part = (around - this.view[0]) / (this.view[1] - this.view[0]);
    this.view = [around - part * span, around - part * span + span];
    this.move(0);
    this.draw();
  }

  // Along its row, or to the nearest in time of the next row that has one.
  step(along, across) {
    if (this.chosen === null) return this.choose(this.first([...this.items.keys()], this.view[0]) % this.items.length, { move: true });
    const item = this.items[this.chosen], rows = this.lanes.flatMap((lane) => lane.rows);
    const own = this.lanes[item[LANE]].rows[item[ROW]];
    if (along) {
      const next = own[own.indexOf(this.chosen) + along];
      return next === undefined ? undefined : this.choose(next, { move: true });
    }
    let row = rows.indexOf(own) + across;
    while (rows[row] && !rows[row].length) row += across;
    if (!rows[row]) return undefined;
    const away = (number) => Math.abs(this.items[number][BEGAN] - item[BEGAN]);
    return this.choose(rows[row].reduce((one, other) => away(other) < away(one) ? other : one), { move: true });
  }

  listen() {
    const keys = { ArrowLeft: () => this.step(-1, 0), ArrowRight: () => this.step(1, 0), ArrowUp: () => this.step(0, -1),
      ArrowDown: () => this.step(0, 1), "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
      0: () => { this.fit(); this.draw(); }, Escape: () => { this.tip.hidden = true; } };
    const point = (event) => { const box = this.canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    let dragged = null;
    this.canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    this.canvas.addEventListener("focus", () => { if (this.chosen !== null) this.choose(this.chosen); });
    this.canvas.addEventListener("mousemove", (event) => {
      const [x, y] = point(event);
      if (dragged === null || !(event.buttons & 1)) { dragged = null; this.choose(this.at(x, y), { point: [x, y] }); return; }
      this.move(this.seconds(dragged) - this.seconds(x));
      dragged = x;
      this.draw();
    });
    this.canvas.addEventListener("mousedown", (event) => { [dragged] = point(event); });
    this.canvas.addEventListener("mouseleave", () => { this.tip.hidden = true; });
    this.canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      if (event.ctrlKey) { this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.seconds(point(event)[0])); return; }
      this.move((event.deltaY || event.deltaX) / this.width * (this.view[1] - this.view[0]));
      this.draw();
    }, { passive: false });
    this.box.addEventListener("scroll", () => this.draw());
    const tools = { in: () => this.zoom(0.5), out: () => this.zoom(2), fit: () => { this.fit(); this.draw(); } };
    for (const button of this.section.querySelectorAll("[data-do]")) button.addEventListener("click", tools[button.dataset.do]);
  }
}
