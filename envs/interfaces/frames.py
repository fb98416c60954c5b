"""Pictures of an environment as arrays, for videos and notebooks, drawn with Pillow.

A frame shows, from top to bottom, the time and the cost of the episode so far, a row for each region, and a legend. A
row has three parts. The first shows the region's decision, its GPUs and its waiting work. The second shows past power
by source against the load, and the forecast power of its own plants. The third shows the price of power, past and
ahead. Text and lines that do not change are drawn once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wattward.configs.schema.region import Region
from wattward.configs.schema.scenario import Scenario
from wattward.envs.accounting.kpis import kpis_of
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.drawing import (
    BAR_HEIGHT,
    BAR_LEFT,
    BAR_WIDTH,
    BEFORE,
    BLOCK,
    CHART_WIDTH,
    FOOT,
    FORECAST,
    FORECAST_AT,
    HEAD,
    HEADS,
    INK,
    LINE,
    MARGIN,
    MEGAWATTS_FROM_KW,
    MODE_AT,
    MODE_COLOURS,
    MODE_MEANINGS,
    MOST_REGIONS,
    PANEL_RIGHT,
    PAPER,
    POWER_LEFT,
    PRICE_LEFT,
    REST,
    RIGHT,
    SOFT,
    SOFT_AT,
    SOURCE_AT,
    SOURCE_COLOURS,
    SOURCES,
    STRIP,
    VALUE_LEFT,
    WAITING_H,
    WIDTH,
    Picture,
    amount,
    coloured,
    decision_badge,
    draw_area,
    draw_line,
    empty_chart,
    fill_bar,
    font_of,
    lay,
    lettered,
    round_up,
    shortened,
    signed,
    stripes,
    write_ticks,
)
from wattward.envs.interfaces.rendering import decision_levels, decision_words
from wattward.envs.model import site_model
from wattward.envs.model.layout import Rows
from wattward.envs.model.stores import row_of
from wattward.envs.model.types import POWER, Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.simulator.simulator import Simulator


class _Scales(NamedTuple):
    """The ends of the axes. They only ever grow, so that frames of a video can be compared."""

    power_kw: tuple[float, ...]  # of each region
    price: float  # per kWh, of all regions
    least_price: float  # 0 or below


class _Layout(NamedTuple):
    """Positions in a frame, which depend on the number of regions [pixels]."""

    n_rows: int
    row: int
    chart: int
    height: int
    foot: int


class Film:
    """Draws frames of environment `b` of a simulator, and keeps the past steps that charts show.

    All frames of a film have the same shape. A frame depends on the state and on the steps that were noted.
    """

    def __init__(self, scenario: Scenario, simulator: Simulator, b: int = 0) -> None:
        """Prepares the film; draws no frame yet.

        Args:
            scenario: The scenario that is played.
            simulator: The simulator that plays it.
            b: Index of the environment in the batch.
        """
        self._scenario, self._simulator, self._b = scenario, simulator, b
        params = simulator.params
        row = min(b, params.step_h.size - 1)
        self._horizon_h = max(1, int(params.n_leads[row]) - 1) * float(params.step_h[row])
        n_past = max(1, round(self._horizon_h / 2 / float(params.step_h[row])))
        self._shown = min(simulator.n_regions, MOST_REGIONS)
        self._layout = _layout(self._shown, simulator.n_regions > MOST_REGIONS)
        self._steps = np.full(n_past, -1)
        self._supply_kw = np.zeros((n_past, self._shown, len(SOURCES)))
        self._load_kw = np.zeros((n_past, self._shown))
        self._price = np.zeros((n_past, self._shown))
        self._levels = np.zeros((n_past, self._shown), np.int64)
        self._heights = np.zeros((n_past, self._shown), np.int64)
        self._fleet_gpus = simulator.params.fleet_gpus[row, : self._shown]
        self._scales = _Scales((0.0,) * self._shown, 0.0, 0.0)
        self._static = np.array(_static(scenario, self._layout, self._horizon_h))

    def begin(self) -> None:
        """Forgets the steps of the previous episode."""
        self._steps[:] = -1

    def note(self) -> None:
        """Keeps the step that was just taken; does nothing before the first step."""
        simulator, b, shown = self._simulator, self._b, self._shown
        step = int(simulator.state.step[b]) - 1
        if step < 0:
            return
        place, flow = step % self._steps.size, simulator.fleet.flows[b, :shown]
        self._steps[place] = step
        self._supply_kw[place] = np.stack(
            (
                *(flow["hydro_kw"] + flow["recovered_kw"], flow["wind_kw"], flow["sun_kw"]),
                *(flow["direct_used_kw"], flow["contract_kw"], flow["discharge_kw"], flow["grid_kw"]),
            ),
            axis=1,
        )
        self._load_kw[place] = flow["it_kw"] + flow["cooling_kw"] + flow["wan_kw"] + flow["charge_kw"]
        slot = int(simulator.fleet.env["slot"][b])
        self._price[place] = simulator.bank.hours["price_per_kwh"][slot, step, :shown]
        rows = simulator.fleet.regions[b, :shown]
        self._levels[place] = decision_levels(rows, self._ordered)
        self._heights[place] = (self._levels[place] + 1) * STRIP // len(Mode)
        if self._ordered:
            self._heights[place] = np.ceil(STRIP * np.clip(rows["asked_gpus"] / self._fleet_gpus, 0.1, 1.0))

    def frame(self, outlook: Outlook) -> NDArray[np.uint8]:
        """Draws the present step.

        Args:
            outlook: What a policy sees now of the film's environment.

        Returns:
            An RGB array, shape (height, width, 3).
        """
        past = self._past(outlook.step)
        green_kw, price = outlook.green_forecast_kw[:, : self._shown], outlook.price_forecast_per_kwh[:, : self._shown]
        self._stretch(past, np.maximum(green_kw, self._requests_kw(outlook)), price)
        picture = self._static.copy()
        self._write_head(picture, outlook)
        self._draw_charts(picture, past, green_kw, price)
        rows = self._simulator.fleet.regions[self._b, : self._shown]
        told = self._decisions(rows), decision_levels(rows, self._ordered).tolist()
        decided = list(zip(*told, strict=True)) if outlook.step else []
        for r in range(self._shown):
            self._write_region(picture, outlook, r)
            if decided:
                lay(picture, PANEL_RIGHT, HEAD + r * self._layout.row - 2, decision_badge(*decided[r]), right=True)
        if outlook.n_regions > self._shown:
            self._write_rest(picture, outlook)
        return picture

    def _decisions(self, rows: Rows) -> list[str]:
        """The decision of each region in words; under orders, the GPUs on which its jobs were told to run."""
        if self._ordered:
            return [f"{amount(float(asked_gpus))} GPUs" for asked_gpus in rows["asked_gpus"]]
        return decision_words(rows, ordered=False)

    @property
    def _ordered(self) -> bool:
        """Whether the decision of the last step was orders for jobs."""
        return bool(self._simulator.fleet.env["ordered"][self._b])

    def _past(self, step: int) -> NDArray[np.int64]:
        """Places of the past steps, oldest first; -1 for steps that were not noted."""
        wanted = np.arange(step - self._steps.size, step)
        places = wanted % self._steps.size
        return np.where((self._steps[places] == wanted) & (wanted >= 0), places, -1)

    def _requests_kw(self, outlook: Outlook) -> Floats:
        """Approximate power of requests alone by lead, shape (L, R) [kW]; sets axes before any step was noted."""
        site, in_order = outlook.site_power, outlook.gpus_in_order
        at_work = site_model.serving_gpus(site, np.minimum(outlook.interactive_forecast_gpus, in_order))
        load_kw: Floats = site_model.base_kw(site, outlook.pue, outlook.fixed_kw, in_order, in_order, at_work)
        return load_kw[:, : self._shown]

    def _stretch(self, past: NDArray[np.int64], expected_kw: Floats, price: Floats) -> None:
        """Extends the axes that are too short for the values shown."""
        noted = past[past >= 0]
        most_kw = np.maximum(
            expected_kw.max(axis=0),
            np.maximum(self._supply_kw[noted].sum(axis=2), self._load_kw[noted]).max(axis=0, initial=0.0),
        )
        prices = np.concatenate((price, self._price[noted]))
        known = self._scales
        stretched = _Scales(
            tuple(map(_grown, known.power_kw, most_kw.tolist())),
            _grown(known.price, float(prices.max())),
            known.least_price if prices.min() >= known.least_price else -round_up(-float(prices.min())),
        )
        if stretched != known:
            self._scales = stretched
            _write_axes(self._static, self._layout, stretched)

    def _write_head(self, picture: Picture, outlook: Outlook) -> None:
        simulator, b = self._simulator, self._b
        kpis = kpis_of(simulator.params, simulator.state, simulator.tally, b)
        after = lay(picture, MARGIN, 9, lettered(f"{outlook.time:%a %d %b %Y, %H:%M}", 17, bold=True))
        lay(picture, after + 16, 13, lettered(f"step {outlook.step} of {outlook.n_steps}", 12, colour=SOFT))
        cost, slot = kpis["total_cost"], int(simulator.fleet.env["slot"][b])
        currency = outlook.scenario.currency
        said = f"{amount(cost)} {currency}"
        on_arrival = float(simulator.bank.on_arrival["total_cost"][slot, : outlook.step].sum())
        if on_arrival > 0.0:
            saving = (on_arrival - cost) / on_arrival
            said += f",  saving {signed(saving, '.1%')}  (running all on arrival: {amount(on_arrival)} {currency})"
        lay(picture, 96, 38, lettered(said, 12, bold=True))
        rest = f"{kpis['green_share']:.0%} green,  {amount(kpis['late_gpu_h'])} GPU-h late"
        lay(picture, RIGHT, 38, lettered(rest, 12, bold=True), right=True)

    def _write_region(self, picture: Picture, outlook: Outlook, r: int) -> None:
        """Fills in the numbers and bars of one region."""
        flow, top = self._simulator.fleet.flows[self._b, r], HEAD + r * self._layout.row + 25
        fleet, queued = float(outlook.fleet_gpus[r]), float(outlook.queue_gpu_h[r])
        requests, busy = float(flow["interactive_gpus"]), float(flow["interactive_gpus"] + flow["held_gpus"])
        fill_bar(picture, top, 0.0, requests / fleet, stripes(slanted=False))
        fill_bar(picture, top, requests / fleet, busy / fleet, stripes(slanted=True))
        lay(picture, VALUE_LEFT, top - 3, lettered(f"{amount(busy)} of {fleet:,.0f}", 11))
        fill_bar(picture, top + 17, 0.0, queued / (WAITING_H * fleet), stripes(slanted=True))
        lay(picture, VALUE_LEFT, top + 14, lettered(f"{amount(queued)} GPU-h", 11))
        load_kw = float(flow["it_kw"] + flow["cooling_kw"] + flow["wan_kw"] + flow["charge_kw"])
        drawn = _load_words(load_kw, float(flow["grid_kw"])) if outlook.step else "nothing yet"
        lay(picture, BAR_LEFT, top + 31, lettered(drawn, 11))
        price = signed(float(outlook.price_per_kwh[r]), ".3f")
        lay(picture, BAR_LEFT, top + 48, lettered(f"{price} {outlook.scenario.currency}/kWh now", 11))
        electric = outlook.params.store_coupling[0, r] == POWER
        capacity_kwh = float(outlook.params.store_capacity_kwh[0, r][electric].sum())
        if capacity_kwh > 0.0:
            share = float(outlook.stored_kwh[r][electric].sum()) / capacity_kwh
            fill_bar(picture, top + 68, 0.0, share, stripes(slanted=False, colour=SOURCE_COLOURS["stores"]))
            lay(picture, VALUE_LEFT, top + 65, lettered(f"{share:.0%} of {capacity_kwh:,.0f} kWh", 11))

    def _write_rest(self, picture: Picture, outlook: Outlook) -> None:
        """Writes the line for the regions that have no row."""
        rest, flow = slice(self._shown, None), self._simulator.fleet.flows[self._b, self._shown :]
        fleet, queued = float(outlook.fleet_gpus[rest].sum()), float(outlook.queue_gpu_h[rest].sum())
        busy = float(flow["interactive_gpus"].sum() + flow["held_gpus"].sum())
        said = (
            f"and {outlook.n_regions - self._shown} more regions:  {amount(busy)} of {fleet:,.0f} GPUs busy,"
            f"  {amount(queued)} GPU-h waiting,  {amount(float(flow['grid_kw'].sum()))} kW from the grid"
        )
        lay(picture, MARGIN, self._layout.foot - REST + 8, lettered(said, 12, bold=True))

    def _draw_charts(self, picture: Picture, past: NDArray[np.int64], green_kw: Floats, price: Floats) -> None:
        """Draws the charts of all regions at once, as indices into the table of colours."""
        seen, n_shown = past >= 0, self._shown
        before = -(-(np.arange(BEFORE) + 1) * past.size // BEFORE) - 1  # the newest step is always shown
        ahead = (np.arange(CHART_WIDTH - BEFORE) * (len(price) - 1)) // (CHART_WIDTH - BEFORE)
        power_kw, (_, high, low) = np.array(self._scales.power_kw), self._scales
        charts = np.repeat(empty_chart(self._layout.chart)[None], 2 * n_shown, axis=0)
        power, prices = charts[:n_shown], charts[n_shown:]
        tops = np.cumsum(self._supply_kw[past], axis=2) * seen[:, None, None] / power_kw[None, :, None]
        for source in np.flatnonzero(self._supply_kw[past[seen]].any(axis=(0, 1)))[::-1].tolist():
            draw_area(power[:, :, :BEFORE], tops[before, :, source], SOURCE_AT + source)
        draw_area(power[:, :, BEFORE:], green_kw[ahead] / power_kw, FORECAST_AT)
        draw_line(power[:, :, :BEFORE], (self._load_kw[past] / power_kw)[before], seen[before])
        whole = np.concatenate((self._price[past][before], price[ahead]))
        known = np.concatenate((seen[before], np.ones(ahead.size, np.bool_)))
        if low < 0.0:
            prices[:, round((self._layout.chart - 2) * high / (high - low)), :] = SOFT_AT
        draw_line(prices, (whole - low) / (high - low), known)
        charts[:, :, BEFORE] = SOFT_AT
        strips = np.zeros((n_shown, STRIP, BEFORE), np.uint8)
        levels = self._levels[past][before].T[:, None, :]
        drawn = np.arange(STRIP)[None, :, None] >= STRIP - self._heights[past][before].T[:, None, :]
        np.copyto(strips, (MODE_AT + levels).astype(np.uint8), where=drawn & seen[before][None, None, :])
        for r in range(n_shown):
            top = HEAD + r * self._layout.row
            lay(picture, POWER_LEFT, top, coloured(power[r]))
            lay(picture, PRICE_LEFT, top, coloured(prices[r]))
            lay(picture, POWER_LEFT, top + self._layout.chart + 3, coloured(strips[r]))


def _load_words(load_kw: float, grid_kw: float) -> str:
    if load_kw >= MEGAWATTS_FROM_KW:
        return f"{load_kw / 1000:,.1f} MW, {grid_kw / 1000:,.1f} from grid"
    return f"{amount(load_kw)} kW, {amount(grid_kw)} from grid"


def _grown(top: float, most: float) -> float:
    """The new end of an axis that must reach `most`; `top` is the present end, or 0 if there is none yet."""
    return top if top > 0.0 and most <= top else round_up(most)


def _layout(n_rows: int, with_rest: bool) -> _Layout:
    row = 150 if n_rows <= 3 else 124 if n_rows <= 5 else 112
    foot = HEAD + n_rows * row + (REST if with_rest else 0)
    return _Layout(n_rows, row, row - STRIP - 14, math.ceil((foot + FOOT) / BLOCK) * BLOCK, foot)


def _static(scenario: Scenario, layout: _Layout, horizon_h: float) -> Image.Image:
    """Draws everything that does not change: names, frames of charts, hours and the legend."""
    image = Image.new("RGB", (WIDTH, layout.height), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((RIGHT, 13), scenario.name, SOFT, font_of(12), anchor="ra")
    draw.text((MARGIN, 38), "cost so far", SOFT, font_of(12))
    draw.line((MARGIN, 60, RIGHT, 60), LINE)
    for x, head in ((MARGIN, "Region and its decision"), (PRICE_LEFT, f"Price of grid power, {scenario.currency}/kWh")):
        draw.text((x, HEADS), head, INK, font_of(12, bold=True))
    for r in range(layout.n_rows):
        top = HEAD + r * layout.row
        draw.text((MARGIN, top - 1), shortened(scenario.regions[r].name), INK, font_of(13, bold=True))
        names = ["GPUs", "waiting", "power", "price"] + (["stored"] if _has_power_store(scenario.regions[r]) else [])
        for i, name in enumerate(names):
            y = top + 25 + 17 * i
            draw.text((MARGIN, y - 3), name, SOFT, font_of(11))
            if name not in ("power", "price"):
                draw.rectangle((BAR_LEFT, y, BAR_LEFT + BAR_WIDTH, y + BAR_HEIGHT), PAPER, SOFT)
        draw.text((POWER_LEFT - 6, top + layout.chart + 3), "decision", SOFT, font_of(10), anchor="ra")
        for left in (POWER_LEFT, PRICE_LEFT):
            draw.rectangle((left - 1, top - 1, left + CHART_WIDTH, top + layout.chart), None, SOFT)
        if r:
            draw.line((MARGIN, top - 7, RIGHT, top - 7), LINE)
    bottom = HEAD + layout.n_rows * layout.row - STRIP - 9
    for left in (POWER_LEFT, PRICE_LEFT):
        for i in range(-2, 5):
            said = signed(horizon_h / 4 * i, "+g") if i else "now"
            x = left + BEFORE + i * (CHART_WIDTH - BEFORE) // 4
            y = bottom if left == PRICE_LEFT or i > 0 else bottom + STRIP
            anchor = {-2: "la", 4: "ra"}.get(i, "ma")
            draw.text((x, y), said + (" h" if i == 4 else ""), SOFT, font_of(10), anchor=anchor)
    _legend(image, scenario, layout.foot + 10)
    return image


def _write_axes(picture: Picture, layout: _Layout, scales: _Scales) -> None:
    """Overwrites the numbers at the ends and middles of the axes."""
    unit, kw = ("MW", 1000.0) if max(scales.power_kw) >= MEGAWATTS_FROM_KW else ("kW", 1.0)
    lay(picture, POWER_LEFT, HEADS, lettered(f"Power by source, {unit}", 12, bold=True))
    for r, power_kw in enumerate(scales.power_kw):
        top = HEAD + r * layout.row
        write_ticks(picture, POWER_LEFT, top, layout.chart, (power_kw / kw, 0.0, power_kw / kw / 2))
        write_ticks(picture, PRICE_LEFT, top, layout.chart, (scales.price, scales.least_price, 0.0, scales.price / 2))


def _legend(image: Image.Image, scenario: Scenario, top: int) -> None:
    draw = ImageDraw.Draw(image)
    draw.line((MARGIN, top, RIGHT, top), LINE)
    y, x = top + 10, 90
    draw.text((MARGIN, y - 1), "Power", INK, font_of(11, bold=True))
    for name in _sources_of(scenario):
        draw.rectangle((x, y, x + 16, y + 10), SOURCE_COLOURS[name], SOFT)
        x = _said(draw, x + 22, y, name)
    draw.line((x, y + 5, x + 16, y + 5), INK, 2)
    x = _said(draw, x + 22, y, "load (above it: spare)")
    if set(_sources_of(scenario)) & {"hydro", "wind", "sun"}:
        draw.rectangle((x, y, x + 16, y + 10), FORECAST, SOFT)
        _said(draw, x + 22, y, "own plants, forecast")
    y, x = y + 21, 90
    draw.text((MARGIN, y - 1), "Decision", INK, font_of(11, bold=True))
    for mode in Mode:
        height = (mode + 1) * STRIP // len(Mode)
        draw.rectangle((x, y + STRIP - height - 1, x + 16, y + STRIP - 2), MODE_COLOURS[mode], SOFT)
        x = _said(draw, x + 22, y, f"{mode.name}: {MODE_MEANINGS[mode]}")
    y, x = y + 21, 90
    draw.text((MARGIN, y - 1), "Bars", INK, font_of(11, bold=True))
    for slanted, said in ((False, "requests"), (True, "deferrable work, running or waiting")):
        draw.rectangle((x - 1, y - 1, x + 17, y + 11), PAPER, SOFT)
        image.paste(Image.fromarray(stripes(slanted=slanted)[:11, :17]), (x, y))
        x = _said(draw, x + 22, y, said)
    _said(draw, x, y, f"full bar: all GPUs, or work for all GPUs for {WAITING_H:g} hours")


def _said(draw: ImageDraw.ImageDraw, x: int, y: int, text: str) -> int:
    """Writes a word of the legend; returns where the next may begin."""
    draw.text((x, y - 1), text, INK, font_of(11))
    return x + round(draw.textlength(text, font_of(11))) + 16


def _has_power_store(region: Region) -> bool:
    """Whether the site has a store that delivers power, not cold."""
    return any(row_of(store)["coupling"] == POWER for store in region.stores)


def _sources_of(scenario: Scenario) -> list[str]:
    """Sources that at least one site of the scenario has."""
    regions = scenario.regions
    supplies = [region.supply for region in regions if region.supply is not None]
    there = {
        "hydro": any(region.river.capacity_kw > 0 or region.cooling.recovered_share > 0 for region in regions),
        "wind": any(region.wind.capacity_kw > 0 for region in regions),
        "sun": any(region.sun.capacity_kw > 0 for region in regions),
        "direct line": any(supply.direct is not None for supply in supplies),
        "contract": any(supply.contract is not None for supply in supplies),
        "stores": any(map(_has_power_store, regions)),
        "grid": True,
    }
    return [name for name in SOURCES if there[name]]
