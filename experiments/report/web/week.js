const MOST_REGIONS = 3;
const now = { week: null, method: null, step: 0, region: -1, timer: 0, boxes: [] };
const regionsShown = () =>
  now.week.regions.map((name, place) => ({ name, place })).filter(({ place }) => now.region < 0 || place === now.region);

/* Times of the scenario's clock are treated as UTC, so that the browser's time zone does not shift them. */
const timeOf = (step) => new Date(Date.parse(`${now.week.start}Z`) + step * now.week.step_h * 3600e3);
const stamp = (step) => timeOf(step).toISOString().slice(0, 16).replace("T", " ");
const clockAt = (step) => {
  const time = timeOf(step);
  const day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][time.getUTCDay()];
  return `${day} ${time.toISOString().slice(narrow() ? 8 : 5, 10)} ${time.toISOString().slice(11, 16)}`;
};

function chooseWeek(name, week) {
  now.week = week;
  now.region = week.regions.length > MOST_REGIONS ? 0 : -1;
  now.step = Math.min(Math.round(12 / week.step_h), week.steps - 1);
  fill(one("method"), week.methods.map((who) => who.label));
  fill(one("region"), week.regions);
  one("region").append(element("option", { value: -1 }, "all"));
  one("region-choice").hidden = now.region < 0;
  one("slider").max = week.steps - 1;
  one("week-note").textContent = aboutWeek(week);
  chooseMethod(0);
}

function aboutWeek(week) {
  const fine = week.averaged_steps > 1 ? ` Means of ${week.averaged_steps} steps.` : "";
  const kind = week.recorded ? "recorded" : "drawn";
  const differ = week.methods.filter((who) => who.ranked_cost != null && Math.abs(who.ranked_cost - who.total_cost) > 0.02);
  const changed = differ.length
    ? ` Replayed with other code than ranked, at a different cost: ${differ.map((who) => who.label).join(", ")}.` : "";
  const trained = week.methods.some((who) => who.learned) ? " Of a trained agent, one training seed is shown." : "";
  const absent = (week.left_out || []).length ? ` Not replayed: ${week.left_out.join("; ")}.` : "";
  return `${week.title}: episode ${week.episode} of the ${week.split} split (${kind}), ${week.timezone} time.` +
    `${trained} The slider, a pointer over a picture, or a tap on one moves through time.${fine}${changed}${absent}`;
}

function chooseMethod(place) {
  now.method = now.week.methods[place];
  one("method").value = place;
  drawWeek();
}

function drawWeek() {
  if (!now.week || !now.method) return;
  now.boxes = [];
  drawChips();
  const { kpis, total_cost } = now.method;
  one("week-total").textContent = `In all: ${amount(total_cost)} ${now.week.currency}, ${amount(100 * kpis.green_share, 1)} % green, ` +
    `${amount(kpis.late_gpu_h)} GPU-h late, ${amount(kpis.moved_gpu_h)} GPU-h moved between regions.`;
  boxesIn(one("regions")).forEach(({ box, place }) => drawRegion(box, place));
  drawSaved();
  boxesIn(one("overviews")).forEach(({ box, place }) => drawOverview(box, place));
  moveTo(now.step);
}

/* One box for each region with its heading. Existing boxes are redrawn in place. */
function boxesIn(home) {
  const wanted = regionsShown();
  const names = wanted.map(({ name }) => name).join("|");
  if (home.dataset.names !== names) {
    home.replaceChildren(...wanted.map(({ name }) =>
      element("div", {}, element("h3", {}, name), element("div", { class: "chart timed" }))));
    home.dataset.names = names;
  }
  return wanted.map(({ place }, order) => ({ place, box: home.children[order].querySelector(".chart") }));
}

function timed(box) {
  if (!box.querySelector(":scope > .cursor")) box.append(element("div", { class: "cursor" }));
  if (!box.dataset.scrubs) {
    box.dataset.scrubs = "yes";
    box.addEventListener("pointermove", (event) => event.pointerType === "mouse" && moveTo(stepUnder(box, event)));
    box.addEventListener("click", (event) => moveTo(stepUnder(box, event)));
  }
  now.boxes.push(box);
}

function stepUnder(box, event) {
  const size = box._fullLayout._size;
  const share = (event.clientX - box.getBoundingClientRect().left - size.l) / size.w;
  return Math.max(0, Math.min(now.week.steps - 1, Math.floor(share * now.week.steps)));
}

function moveTo(step) {
  now.step = step;
  one("slider").value = step;
  one("clock").textContent = clockAt(step);
  for (const box of now.boxes) {
    const size = box._fullLayout._size;
    box.querySelector(":scope > .cursor").style.left = `${size.l + (size.w * (step + 0.5)) / now.week.steps}px`;
  }
  one("readout").replaceChildren(...regionsShown().map(cardOf));
}

function cardOf({ name, place }) {
  const { method, week, step } = now;
  const mode = MODES[method.modes[place][step]];
  const sources = Object.keys(method.sources).map((source) => [source, method.sources[source][place][step]]);
  const load = sources.reduce((sum, [, kw]) => sum + kw, 0);
  const from = sources.filter(([, kw]) => kw >= 0.05).map(([source, kw]) => `${source} ${amount(kw)}`).join(" · ");
  const gpus = `${amount(method.interactive[place][step])} + ${amount(method.deferrable[place][step])}`;
  const lines = {
    price: `${amount(week.price[place][step], 3)} ${week.currency}/kWh`,
    power: `${amount(load)} kW`,
    from: from || "–",
    unused: `${amount(method.unused[place][step])} kW`,
    GPUs: `${gpus} of ${amount(week.fleet_gpus[place])}`,
    queue: `${amount(method.queue[place][step])} GPU-h`,
  };
  const list = element("dl");
  for (const [key, value] of Object.entries(lines)) list.append(element("dt", {}, key), element("dd", {}, value));
  const badge = element("span", { class: `mode ${mode}`, style: `background:${colour(mode.toLowerCase())}` }, mode);
  return element("div", { class: "card" }, element("h4", {}, name, badge), list);
}

function chips(home, names) {
  for (const box of document.querySelectorAll(`.${home}`))
    box.replaceChildren(...names.map(([name, hue]) =>
      element("span", {}, element("span", { class: "key", style: `background:${colour(hue)}` }), name)));
}

function drawChips() {
  const given = SOURCES.filter((source) => now.week.methods.some((who) => who.sources[source]));
  const used = [...given.map((name) => [name, name]), ["green, unused", "unused"], ["interactive", "interactive"]];
  chips("source-chips", [...used, ["deferrable", "deferrable"], ["queue", "waiting"]]);
  chips("mode-chips", [
    ["HOLD: only what is due", "hold"], ["SOAK: as far as surplus covers", "soak"],
    ["RUN: own queue", "run"], ["PULL: own queue, then others'", "pull"],
  ]);
}

const PANELS = { yaxis: [0, 0.13], yaxis2: [0.19, 0.39], yaxis3: [0.46, 0.76], yaxis4: [0.82, 0.93], yaxis5: [0.965, 1] };

function drawRegion(box, place) {
  const { method, week } = now;
  const x = Array.from({ length: week.steps }, (_, step) => stamp(step));
  const area = (y, hue, yaxis, group) => ({
    x, y, yaxis, stackgroup: group, mode: "lines", line: { width: 0, shape: "hv" }, fillcolor: colour(hue), hoverinfo: "skip",
  });
  const line = (y, hue, yaxis, width = 1.3) => ({
    x, y, yaxis, mode: "lines", line: { width, shape: "hv", color: colour(hue) }, hoverinfo: "skip",
  });
  const given = SOURCES.filter((source) => method.sources[source]);
  const load = x.map((_, step) => given.reduce((sum, source) => sum + method.sources[source][place][step], 0));
  const queue = { ...line(method.queue[place], "waiting", "y"), fill: "tozeroy" };
  const traces = [
    queue, area(method.interactive[place], "interactive", "y2", "gpus"),
    area(method.deferrable[place], "deferrable", "y2", "gpus"),
    ...given.map((source) => area(method.sources[source][place], source, "y3", "power")),
    area(method.unused[place], "unused", "y3", "power"), line(load, "ink", "y3", 1),
    line(week.price[place], "ink", "y4"), strip([method.modes[place]], x, "y5"),
  ];
  draw(box, traces, regionLayout(x, place));
  timed(box);
}

function regionLayout(x, place) {
  const axes = {};
  for (const [key, domain] of Object.entries(PANELS)) axes[key] = { domain, rangemode: "tozero", nticks: 4, zeroline: false };
  const bound = (values) => [0, 1.05 * Math.max(1e-9, ...values)];
  const over = (pick) => now.week.methods.flatMap((who) => pick(who)[place]);
  const peak = now.week.methods.map((who) => Math.max(...now.week.price[place].map((_, step) =>
    who.unused[place][step] + Object.values(who.sources).reduce((sum, kw) => sum + kw[place][step], 0))));
  axes.yaxis.range = [0, 1.05 * over((who) => who.queue).reduce((a, b) => Math.max(a, b), 1e-9)];
  axes.yaxis2.range = bound([now.week.fleet_gpus[place]]);
  axes.yaxis3.range = bound(peak);
  axes.yaxis5 = { ...axes.yaxis5, visible: false };
  const heads = [["queue [GPU-h]", 0.13], ["GPUs at work", 0.39], ["power by source [kW]", 0.76], [`price [${now.week.currency}/kWh]`, 0.93]];
  const annotations = heads.map(([text, y]) => label(text, 0, y, { font: { color: colour("soft"), size: 11 } }));
  return layout(580, { l: 48, r: 8, t: 18, b: 30 }, {
    xaxis: timeAxis(x, "y"), ...axes,
    annotations: [...annotations, label("mode", 0, 1, { font: { color: colour("soft"), size: 11 } })],
  });
}

function timeAxis(x, anchor) {
  const end = timeOf(now.week.steps).toISOString().slice(0, 16).replace("T", " ");
  return { type: "date", range: [x[0], end], anchor, tickformat: "%a", dtick: 864e5, tick0: x[0].slice(0, 10), showgrid: true };
}

function strip(rows, x, yaxis) {
  const steps = ["hold", "soak", "run", "pull"].flatMap((mode, place) => [[place / 4, colour(mode)], [(place + 1) / 4, colour(mode)]]);
  return {
    type: "heatmap", x: [...x, stamp(x.length)], yaxis, z: rows.map((row) => [...row].map(Number)), zmin: -0.5, zmax: 3.5,
    colorscale: steps, showscale: false, hoverinfo: "skip", ygap: rows.length > 1 ? 2 : 0,
  };
}

function drawOverview(box, place) {
  const { week } = now;
  const x = Array.from({ length: week.steps }, (_, step) => stamp(step));
  const shown = week.methods;
  const top = 1 - 60 / (17 * shown.length + 70);
  const name = (who) => (who === now.method ? `<b>${short(who.label)}</b>` : short(who.label));
  const price = {
    x, y: week.price[place], yaxis: "y2", mode: "lines", hoverinfo: "skip", line: { width: 1.3, shape: "hv", color: colour("ink") },
  };
  draw(box, [strip(shown.map((who) => who.modes[place]), x, "y"), price], layout(17 * shown.length + 110,
    { l: leftRoom(), r: 8, t: 10, b: 30 }, {
      xaxis: { ...timeAxis(x, "y"), showgrid: false },
      yaxis: {
        domain: [0, top - 0.02], range: [shown.length - 0.5, -0.5], tickvals: shown.map((_, row) => row),
        ticktext: shown.map(name), showgrid: false, zeroline: false, tickfont: { size: 11 },
      },
      yaxis2: { domain: [top, 1], nticks: 3, rangemode: "tozero", zeroline: false },
    }));
  timed(box);
  if (!box.dataset.chooses) {
    box.dataset.chooses = "yes";
    box.addEventListener("click", (event) => chooseUnder(box, event));
  }
}

function chooseUnder(box, event) {
  const axis = box._fullLayout.yaxis;
  const row = Math.round(axis.p2l(event.clientY - box.getBoundingClientRect().top - axis._offset));
  if (now.week.methods[row] && now.week.methods[row] !== now.method) chooseMethod(row);
}

function drawSaved() {
  const { week, method } = now;
  const x = Array.from({ length: week.steps }, (_, step) => stamp(step));
  const line = (who, chosen) => ({
    x, y: who.saved, mode: "lines", hoverinfo: "skip",
    line: { width: chosen ? 2.6 : 0.9, color: colour(chosen ? (who.learned ? "learned" : "accent") : "faint") },
  });
  const most = week.bound_cost === null ? null : week.floor_cost - week.bound_cost;
  const others = week.methods.filter((who) => who !== method);
  const attained = week.floor_cost - method.total_cost;
  const known = week.best_known_cost == null ? null : week.floor_cost - week.best_known_cost;
  const levels = [["bound", most, "dash", "bottom"], ["best known", known, "dot", "top"]].filter((level) => level[1] !== null);
  const ends = levels.map(([name, saved, , side]) => levelLabel(name, saved, side));
  const lines = levels.map(([, saved, dash]) => ({
    type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: saved, y1: saved, line: { color: colour("ink"), width: 1.5, dash },
  }));
  draw(one("saved"), [...others.map((who) => line(who, false)), line(method, true)], layout(300, { l: 56, r: 10, t: 14, b: 30 }, {
    xaxis: timeAxis(x, "y"), yaxis: { zeroline: true, range: savedRange(others.concat(method), most) }, shapes: lines, annotations: ends,
  }));
  const share = most ? `, ${(100 * attained / most).toFixed(0)} % of what the bound allows` : "";
  one("saved-note").textContent = `${method.label} against RunOnArrival [${week.currency}]: ${amount(attained)} in the end${share}. ` +
    "Deferred work counts as saved until it runs; work left at the end is charged in the last step.";
  timed(one("saved"));
}

function levelLabel(name, saved, yanchor) {
  const text = `${name}: ${amount(saved)} ${now.week.currency}`;
  return label(text, 0.995, saved, { yref: "y", xanchor: "right", yanchor, font: { color: colour("soft") } });
}

/* Lines of methods with very large losses leave the picture, so that the others stay readable. */
function savedRange(all, most) {
  const values = all.flatMap((who) => who.saved);
  const high = Math.max(most ?? 0, ...values);
  return [Math.max(Math.min(0, ...values), -high), 1.12 * high || 1];
}

function play() {
  if (now.timer) {
    clearInterval(now.timer);
    now.timer = 0;
  } else now.timer = setInterval(() => moveTo((now.step + 1) % now.week.steps), 80);
  one("play").textContent = now.timer ? "❚❚" : "▶";
}
