"use strict";
// The page: what it holds, its colours in the form that the reader prefers, and links to records.
const NAMES = ["ok", "server", "client", "other", "none", "fault", "lag", "line", "quiet", "band", "violation", "ink", "paper"];
const all = JSON.parse(document.getElementById("data").textContent);

function readColours() {
  const probe = document.body.appendChild(document.createElement("i"));
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
}

readColours();
const charts = new Map();

function chartOf(section) {
  const number = Number(section.id.slice(1));
  if (!charts.has(number) && all[number].items.length) charts.set(number, new Chart(section, all[number]));
  return charts.get(number);
}

function redraw() { for (const chart of charts.values()) if (chart.section.open) chart.draw(); }

// #s1-20 is record 20 of section 1: a link to it.
function follow() {
  const found = /^#s(\d+)-(\d+)$/.exec(location.hash);
  const section = found && document.getElementById(`s${found[1]}`);
  if (!section || !all[found[1]].items[found[2]]) return;
  section.open = true;
  const chart = chartOf(section);
  chart.box.scrollIntoView({ block: "nearest" });
  chart.choose(Number(found[2]), { move: true });
}

for (const section of document.querySelectorAll(".section")) {
  if (section.open) chartOf(section);
  section.addEventListener("toggle", () => { if (section.open) { chartOf(section); redraw(); } });
}
window.addEventListener("resize", redraw);
window.addEventListener("hashchange", follow);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); redraw(); });
follow();
