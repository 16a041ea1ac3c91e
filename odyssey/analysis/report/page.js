"use strict";
const columns = JSON.parse(document.getElementById("data").textContent);
const names = Object.keys(columns).filter((name) => columns[name].some((value) => value !== null));
const trials = Array.from({ length: names.length ? columns[names[0]].length : 0 }, (_, k) => k);
const table = document.getElementById("table");
const page = 200;
let shown = page, order = trials, sorting = { name: null, down: false };

const text = (value) => value === null ? "" : typeof value !== "number" || Number.isInteger(value)
  ? String(value) : Math.abs(value) < 1e-3 ? value.toExponential(2) : String(+value.toPrecision(4));

function element(tag, content, attributes = {}) {
  const node = document.createElement(tag);
  node.textContent = content;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function condition(word) {
  const parts = word.match(/^(\w+)(<=|>=|<|>|=)(.+)$/);
  if (parts && parts[1] in columns) {
    const [, name, sign, bound] = parts, number = Number(bound);
    return (k) => {
      const value = columns[name][k];
      if (value === null) return false;
      if (sign === "=") return text(value).toLowerCase() === bound || value === number;
      return sign === "<" ? value < number : sign === ">" ? value > number
        : sign === "<=" ? value <= number : value >= number;
    };
  }
  return (k) => names.some((name) => typeof columns[name][k] === "string"
    && columns[name][k].toLowerCase() === word);
}

function compare(a, b) {
  const [x, y] = [columns[sorting.name][a], columns[sorting.name][b]];
  if (x === null || y === null) return (x === null) - (y === null) || a - b;
  const step = x < y ? -1 : x > y ? 1 : 0;
  return (sorting.down ? -step : step) || a - b;
}

function update() {
  const tests = document.getElementById("filter").value.toLowerCase().split(/\s+/).filter(Boolean).map(condition);
  order = trials.filter((k) => tests.every((test) => test(k)));
  if (sorting.name) order.sort(compare);
  document.getElementById("count").textContent = `${order.length} of ${trials.length} trials`;
  document.getElementById("more").hidden = order.length <= shown;
  table.tBodies[0].replaceChildren(...order.slice(0, shown).map(row));
}

function row(k) {
  const line = element("tr", "", { tabindex: 0, class: columns.status[k], "data-trial": k });
  line.append(...names.map((name) => element("td", text(columns[name][k]))));
  return line;
}

function head() {
  const line = document.createElement("tr");
  for (const name of names) {
    const cell = element("th", name.replaceAll("_", " "), { scope: "col", tabindex: 0 });
    cell.onclick = () => {
      sorting = { name, down: sorting.name === name && !sorting.down };
      for (const other of line.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
      update();
    };
    line.append(cell);
  }
  table.tHead.append(line);
}

let curves = null;
async function loadCurves() {
  const packed = Uint8Array.from(atob(document.getElementById("curves").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

async function showCurve(k) {
  curves ??= loadCurves();
  const all = await curves, box = document.getElementById("curve");
  const lines = { valid: all.valid[k], test: all.test[k] };
  box.hidden = false;
  box.querySelector("h3").textContent = `${columns.task[k]} ${columns.variant[k]} trial ${columns.trial[k]}: `
    + `test ${text(columns.test[k])} at epoch ${columns.best_epoch[k]} of ${columns.epochs[k]}, ${columns.status[k]}`;
  const none = columns.epochs[k] ? "its curve is not in this report" : "no finished epoch";
  drawCurve(box.querySelector("svg"), lines, columns.best_epoch[k], none);
}

function drawCurve(svg, lines, bestEpoch, none) {
  const values = Object.values(lines).flat().filter((value) => value !== null);
  const length = Math.max(...Object.values(lines).map((line) => line.length), 1);
  const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
  const x = (epoch) => 60 + 520 * (epoch - 1) / Math.max(length - 1, 1);
  const y = (value) => 205 - 185 * (value - low) / span;
  const part = (tag, attributes, content = "") => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = content;
    return node;
  };
  const parts = [part("path", { d: "M60 15V205H580", fill: "none", stroke: "#8a8f98" }),
    part("text", { x: 320, y: 234, "text-anchor": "middle" }, "epoch"),
    part("text", { x: 60, y: 220, "text-anchor": "middle" }, "1"),
    part("text", { x: 580, y: 220, "text-anchor": "middle" }, length)];
  if (!values.length) parts.push(part("text", { x: 320, y: 110, "text-anchor": "middle" }, none));
  else for (const value of [low, high]) {
    parts.push(part("text", { x: 54, y: y(value) + 4, "text-anchor": "end" }, text(value)));
  }
  if (values.length && bestEpoch > 0) {
    parts.push(part("path", { d: `M${x(bestEpoch)} 15V205`, stroke: "#8a8f98", "stroke-dasharray": "3 3" }));
  }
  const colours = { valid: "#0072b2", test: "#d55e00" };
  Object.entries(lines).forEach(([name, line], at) => {
    const points = line.map((value, k) => value === null ? "" : `${x(k + 1)},${y(value)}`).filter(Boolean).join(" ");
    parts.push(part("polyline", { points, fill: "none", stroke: colours[name], "stroke-width": 1.8 }));
    parts.push(part("text", { x: 588, y: 30 + 16 * at, style: `fill:${colours[name]}` }, name));
  });
  svg.replaceChildren(...parts);
}

const chosen = (event) => event.target.closest("tr[data-trial]");
table.tBodies[0].addEventListener("click", (event) => chosen(event) && showCurve(+chosen(event).dataset.trial));
table.addEventListener("keydown", (event) => { if (event.key === "Enter") event.target.click(); });
document.querySelector("#curve button").onclick = () => { document.getElementById("curve").hidden = true; };
document.getElementById("filter").oninput = () => { shown = page; update(); };
document.getElementById("more").onclick = () => { shown += 5 * page; update(); };
head();
update();
