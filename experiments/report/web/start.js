function listen(data) {
  for (const heading of document.querySelectorAll(".sortable thead th"))
    heading.querySelector("button").addEventListener("click", () => sortBy(heading));
  const nav = document.querySelector("nav");
  for (const section of document.querySelectorAll("main > section"))
    nav.append(element("a", { href: `#${section.id}` }, section.querySelector("h2").textContent));
  const names = Object.keys(data.weeks);
  if (data.boards.length) one("board").addEventListener("change", () => chooseBoard(data));
  if (!names.length) return;
  fill(one("week-of"), names);
  one("week-choice").hidden = names.length < 2;
  one("week-of").addEventListener("change", () => chooseWeek(null, data.weeks[names[one("week-of").value]]));
  one("method").addEventListener("change", () => chooseMethod(Number(one("method").value)));
  one("region").addEventListener("change", () => { now.region = Number(one("region").value); drawWeek(); });
  one("slider").addEventListener("input", () => moveTo(Number(one("slider").value)));
  one("play").addEventListener("click", play);
}

function chooseBoard(data) {
  const board = data.boards[one("board").selectedIndex];
  drawBoard(board);
  const week = Object.keys(data.weeks).indexOf(board.name);
  if (week >= 0 && now.week !== data.weeks[board.name]) {
    one("week-of").value = week;
    chooseWeek(null, data.weeks[board.name]);
  }
}

function redraw(data) {
  if (data.boards.length) drawBoard(data.boards[one("board").selectedIndex]);
  drawWeek();
}

async function start() {
  const [library, text] = await Promise.all([unpacked("plotly"), unpacked("data")]);
  document.head.append(element("script", {}, library));
  const data = JSON.parse(text);
  listen(data);
  const weeks = Object.values(data.weeks);
  if (data.boards.length) drawBoard(data.boards[0]);
  if (weeks.length) chooseWeek(null, data.weeks[data.boards[0]?.name] ?? weeks[0]);
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    redraw(data);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw(data));
  document.body.dataset.ready = "yes";
}

start().catch((error) => {
  one("failed").hidden = false;
  one("failed").textContent = `The pictures cannot be drawn (${error.message}); they need a browser of 2023 or later.`;
  throw error;
});
