"use strict";

const MODES = ["HOLD", "SOAK", "RUN", "PULL"];
const SOURCES = ["river", "wind", "sun", "direct line", "contract", "stores", "grid"];
const one = (id) => document.getElementById(id);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name.replace(" ", "-")}`).trim();
const kindOf = (kind) => (["rule", "optimiser", "learned"].includes(kind) ? kind : "other");
const narrow = () => window.innerWidth < 620;
const amount = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(one(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/* What every picture shares: the page's colours, no zoom (a finger scrolls the page), no bar of tools. */
function layout(height, margin, more) {
  const grid = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), fixedrange: true };
  const axes = {};
  for (const key of Object.keys(more)) if (/^[xy]axis/.test(key)) axes[key] = { ...grid, automargin: false, ...more[key] };
  return {
    height, margin, showlegend: false, hovermode: "closest", dragmode: false,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("ink"), size: narrow() ? 11 : 12, family: getComputedStyle(document.body).fontFamily },
    hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("ink") } },
    ...more, ...axes,
  };
}

function draw(box, traces, wanted) {
  return Plotly.react(box, traces, wanted, { displayModeBar: false, responsive: true });
}

function label(text, x, y, more = {}) {
  return { text, x, y, xref: "paper", yref: "paper", showarrow: false, xanchor: "left", yanchor: "bottom", ...more };
}

function short(name) {
  const most = narrow() ? 19 : 24;
  return name.length > most ? `${name.slice(0, most - 6)}…${name.slice(-5)}` : name;
}

function fill(select, names) {
  select.replaceChildren(...names.map((name, place) => element("option", { value: place }, name)));
}

function numberIn(cell) {
  const text = cell.textContent.trim().replaceAll(",", "");
  const value = parseFloat(text);
  return Number.isNaN(value) ? null : value;
}

/* Numbers from the greatest, words from A; what is missing stays last either way. */
function sortBy(heading) {
  const table = heading.closest("table");
  const place = heading.cellIndex;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const numbers = rows.some((row) => numberIn(row.cells[place]) !== null) && place > 0;
  const before = heading.getAttribute("aria-sort");
  const first = numbers ? "descending" : "ascending";
  const second = numbers ? "ascending" : "descending";
  const order = before === first ? second : first;
  const sign = order === "ascending" ? 1 : -1;
  const compare = (a, b) => {
    if (!numbers) return sign * a.cells[place].textContent.localeCompare(b.cells[place].textContent);
    const [x, y] = [numberIn(a.cells[place]), numberIn(b.cells[place])];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y);
  };
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  body.append(...rows.sort(compare));
}
