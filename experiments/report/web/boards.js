/* Who scores below this stands at the edge, as a triangle. */
const lowest = () => (narrow() ? -0.5 : -1);
const STRONG = 5;

function drawBoard(board) {
  for (const table of document.querySelectorAll(".ranking")) table.hidden = table.dataset.board !== board.name;
  const rows = board.rows.filter((row) => row.score_iqm !== null);
  drawRanks(board, rows);
  drawCurves(board, rows);
  drawSpread(board, rows);
}

function landmarks(board, rows) {
  const known = board.best_known ?? null;
  const low = Math.max(lowest(), Math.min(0, ...rows.map((row) => row.score_low ?? row.score_iqm)));
  const line = (x, dash) => ({
    type: "line", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, layer: "below",
    line: { color: colour("ink"), width: 1.5, dash },
  });
  const name = (text, x, xanchor) => label(text, x, 1, { xref: "x", xanchor, yshift: 2, font: { color: colour("soft") } });
  return {
    range: [low - 0.05, 1.05],
    shapes: [line(0, "dot"), line(1, "solid"), ...(known === null ? [] : [line(known, "dash")])],
    annotations: [name("RunOnArrival", 0, "center"), name("bound", 1, narrow() && known === null ? "right" : "center"),
      ...(known === null ? [] : [name("best known", known, "right")])],
  };
}

function methodsAxis(rows) {
  return {
    tickvals: rows.map((_, place) => place), ticktext: rows.map((row) => short(row.method)),
    range: [rows.length - 0.5, -0.6], showgrid: false, zeroline: false,
  };
}

const leftRoom = () => (narrow() ? 128 : 165);

const symbolOf = (row) => (row.score_iqm < lowest() ? "triangle-left" : "circle") + (row.mark ? "-open" : "");

function drawRanks(board, rows) {
  const marks = landmarks(board, rows);
  const x = rows.map((row) => Math.max(lowest(), row.score_iqm));
  const colours = rows.map((row) => colour(kindOf(row.kind)));
  const bars = {
    mode: "lines", line: { width: 6, color: colour("interval") }, hoverinfo: "skip",
    x: rows.flatMap((row) => [Math.max(lowest(), row.score_low), Math.max(lowest(), row.score_high), null]),
    y: rows.flatMap((_, place) => [place, place, null]),
  };
  const dots = {
    mode: "markers", x, y: rows.map((_, place) => place),
    marker: { color: colours, size: narrow() ? 7 : 10, symbol: rows.map(symbolOf) },
    hovertext: rows.map((row) => `${row.method}: ${row.score_iqm.toFixed(3)} (${row.score_low.toFixed(2)} to ` +
      `${row.score_high.toFixed(2)}), saving ${(100 * row.saving).toFixed(1)} %${row.reason ? `, ${row.reason}` : ""}`),
    hoverinfo: "text",
  };
  draw(one("ranks"), [bars, dots], layout(22 * rows.length + 75, { l: leftRoom(), r: 14, t: 26, b: 44 }, {
    xaxis: { range: marks.range, title: { text: "score" }, zeroline: false }, yaxis: methodsAxis(rows),
    shapes: marks.shapes, annotations: marks.annotations,
  }));
}

const CURVES = ["#0b84a5", "#e3962d", "#4f9d5f", "#9059b8", "#c8663a"];

/* Trained agents have their colour, dashed differently; the best five others have a colour each, the rest are faint. */
function curveStyles(rows) {
  const styles = {};
  const dashes = ["solid", "dash", "dot", "dashdot"];
  let agents = 0;
  let others = 0;
  for (const row of rows) {
    if (row.kind !== "rule" && agents < dashes.length)
      styles[row.method] = { color: colour(kindOf(row.kind)), width: 2.6, dash: dashes[agents++] };
    else if (others < STRONG) styles[row.method] = { color: CURVES[others++], width: 1.8 };
    else styles[row.method] = { color: colour("faint"), width: 1.1 };
  }
  return styles;
}

function drawCurves(board, rows) {
  const styles = curveStyles(rows);
  const faint = (row) => styles[row.method].width < 1.5;
  const shown = rows.filter((row) => board.profiles[row.method]);
  const traces = [...shown].reverse().map((row, place) => ({
    x: board.taus, y: board.profiles[row.method], mode: "lines", name: short(row.method), line: styles[row.method],
    showlegend: !faint(row), hovertemplate: "%{y:.0%} above %{x:.2f}<extra>" + row.method + "</extra>",
    legendrank: 1000 - place,
  }));
  const { shapes, annotations } = landmarks(board, rows);
  const legend = { orientation: "h", x: 0, y: -0.2, yanchor: "top", bgcolor: "rgba(0,0,0,0)" };
  draw(one("curves"), traces, layout(narrow() ? 440 : 420, { l: 44, r: 14, t: 26, b: narrow() ? 140 : 100 }, {
    xaxis: { range: [-0.5, 1.02], title: { text: "score", standoff: 4 }, zeroline: false },
    yaxis: { range: [0, 1.02], tickformat: ".0%", zeroline: false }, legend, showlegend: true, shapes, annotations,
  }));
}

function drawSpread(board, rows) {
  const shown = rows.filter((row) => board.scores[row.method]);
  const traces = shown.map((row, place) => ({
    type: "box", orientation: "h", x: board.scores[row.method], y: board.scores[row.method].map(() => place),
    boxpoints: "all", jitter: 0.6, pointpos: 0, width: 0.6, line: { width: 1.2, color: colour(kindOf(row.kind)) },
    fillcolor: "rgba(0,0,0,0)", marker: { size: 3, opacity: 0.45, color: colour(kindOf(row.kind)) },
    hoverinfo: "x", name: row.method,
  }));
  const marks = landmarks(board, rows);
  draw(one("spread"), traces, layout(22 * shown.length + 75, { l: leftRoom(), r: 14, t: 26, b: 44 }, {
    xaxis: { range: marks.range, title: { text: "score" }, zeroline: false }, yaxis: methodsAxis(shown),
    shapes: marks.shapes, annotations: marks.annotations,
  }));
}
