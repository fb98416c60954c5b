"""Pictures of an environment as arrays, for videos and notebooks, drawn with Pillow.

From top to bottom: the time and what the episode has cost, a row a region, a legend. A row holds the region's decision,
its GPUs and its waiting work; power by source against the load, of the steps before now, and what its own plants are
forecast to give; and the price of power, before now and ahead. Text and lines that stay are drawn once.
"""

from __future__ import annotations

import importlib.util
import math
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wattward.configs.schema.scenario import Scenario
from wattward.envs.accounting.kpis import kpis_of
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.rendering import MONEY, decision_levels, decision_words
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.simulator.simulator import Simulator

Picture: TypeAlias = NDArray[np.uint8]
"""An RGB array, shape (height, width, 3)."""
SOURCES = ("hydro", "wind", "sun", "direct line", "contract", "battery", "grid")
"""Where power comes from, in the order of the stack from below; a turbine in the return water counts as hydro."""
SOURCE_COLOURS = {
    "hydro": "#0072b2",
    "wind": "#56b4e9",
    "sun": "#f0e442",
    "direct line": "#e69f00",
    "contract": "#009e73",
    "battery": "#cc79a7",
    "grid": "#c04a00",
}
"""After Okabe and Ito (2008), with a darker vermilion. No source is grey: greys are decisions."""
MODE_COLOURS = {Mode.HOLD: "#e4e4e4", Mode.SOAK: "#bdbdbd", Mode.RUN: "#6a6a6a", Mode.PULL: "#1a1a1a"}
MODE_MEANINGS = {
    Mode.HOLD: "only work that is due",
    Mode.SOAK: "as far as spare green power goes",
    Mode.RUN: "own waiting work",
    Mode.PULL: "own work, then others'",
}
INK, SOFT, LINE, PAPER, PAST, FORECAST = "#222222", "#5c5c5c", "#d8d8d8", "#ffffff", "#f6f6f6", "#a9d5c3"
MOST_REGIONS = 8
"""Regions that get a row; of more, the first ones do, and a line sums up the rest."""
WAITING_H = 12.0
"""A full bar of waiting work keeps all GPUs of the region busy for so many hours."""

WIDTH, MARGIN, HEAD, FOOT, REST = 960, 16, 92, 84, 20
RIGHT = WIDTH - MARGIN + 4
BLOCK = 16
"""Sides of a frame are multiples of it, as video encoders like them."""
CHART_WIDTH, BEFORE = 300, 100
"""Pixels of a chart, and of its part before now."""
POWER_LEFT, PRICE_LEFT = 302, 652
BAR_LEFT, BAR_WIDTH, BAR_HEIGHT, VALUE_LEFT = 70, 72, 10, 148
PANEL_RIGHT = 248
STRIP = 12
"""Height of the row of past decisions below the chart of power."""
_CHART_COLOURS = (PAPER, LINE, PAST, FORECAST, INK, SOFT, *SOURCE_COLOURS.values(), *MODE_COLOURS.values())
_GRID, _PAST, _FORECAST, _INK, _NOW, _SOURCE, _MODE = 1, 2, 3, 4, 5, 6, 6 + len(SOURCES)


class _Scales(NamedTuple):
    """What the axes end at; they only ever grow, so that frames of a video compare."""

    power_kw: tuple[float, ...]  # a region
    price: float  # per kWh, of all regions
    least_price: float  # 0 or below


class _Layout(NamedTuple):
    """Where things stand in frames of so many regions [pixels]."""

    n_rows: int
    row: int
    chart: int
    height: int
    foot: int


class Film:
    """Draws frames of environment `b` of a simulator, and keeps the steps that charts show before now.

    Frames of one film all have the same shape. A frame depends on the state and on the steps that were noted.
    """

    def __init__(self, scenario: Scenario, simulator: Simulator, b: int = 0) -> None:
        """Draws nothing yet.

        Args:
            scenario: The scenario that is played.
            simulator: What plays it.
            b: Which environment of the batch.
        """
        self._scenario, self._simulator, self._b = scenario, simulator, b
        params = simulator.params
        row = min(b, params.step_h.size - 1)
        self._horizon_h = max(1, params.forecast_rho.shape[2] - 1) * float(params.step_h[row])
        n_past = max(1, round(self._horizon_h / 2 / float(params.step_h[row])))
        self._shown = min(simulator.n_regions, MOST_REGIONS)
        self._layout = _layout(self._shown, simulator.n_regions > MOST_REGIONS)
        self._steps = np.full(n_past, -1)
        self._supply_kw = np.zeros((n_past, self._shown, len(SOURCES)))
        self._load_kw = np.zeros((n_past, self._shown))
        self._price = np.zeros((n_past, self._shown))
        self._levels = np.zeros((n_past, self._shown), np.int64)
        self._scales = _Scales((0.0,) * self._shown, 0.0, 0.0)
        self._static: Picture | None = None

    def begin(self) -> None:
        """Forgets the steps of the episode before."""
        self._steps[:] = -1

    def note(self) -> None:
        """Keeps the step that was just taken; nothing where the episode has only begun."""
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
        self._levels[place] = decision_levels(simulator.fleet.regions[b, :shown])

    def frame(self, outlook: Outlook) -> NDArray[np.uint8]:
        """The present as a picture.

        Args:
            outlook: What a policy sees now of the film's environment.

        Returns:
            An RGB array, shape (height, width, 3).
        """
        past = self._past(outlook.step)
        green_kw, price = outlook.green_forecast_kw[:, : self._shown], outlook.price_forecast_per_kwh[:, : self._shown]
        self._stretch(past, np.maximum(green_kw, self._requests_kw(outlook)), price)
        if self._static is None:
            self._static = np.array(_static(self._scenario, self._layout, self._scales, self._horizon_h))
        picture = self._static.copy()
        self._write_head(picture, outlook)
        self._draw_charts(picture, past, green_kw, price)
        rows = self._simulator.fleet.regions[self._b, : self._shown]
        decided = list(zip(decision_words(rows), decision_levels(rows).tolist(), strict=True)) if outlook.step else []
        for r in range(self._shown):
            self._write_region(picture, outlook, r)
            if decided:
                _put(picture, PANEL_RIGHT, HEAD + r * self._layout.row - 2, _badge(*decided[r]), right=True)
        if outlook.n_regions > self._shown:
            self._write_rest(picture, outlook)
        return picture

    def _past(self, step: int) -> NDArray[np.int64]:
        """Places of the steps before now, oldest first; -1 for those that were not noted."""
        wanted = np.arange(step - self._steps.size, step)
        places = wanted % self._steps.size
        return np.where((self._steps[places] == wanted) & (wanted >= 0), places, -1)

    def _requests_kw(self, outlook: Outlook) -> Floats:
        """About what requests alone will draw by lead, shape (L, R): what axes hold before anything was noted."""
        params, shown = self._simulator.params, slice(self._shown)
        row = min(self._b, params.step_h.size - 1)
        idle_kw, busy_kw, fleet = (
            field[row, shown] for field in (params.gpu_idle_kw, params.gpu_busy_kw, params.fleet_gpus)
        )
        it_kw = idle_kw * fleet + (busy_kw - idle_kw) * outlook.interactive_forecast_gpus[:, shown]
        return it_kw * params.pue_base[row, shown]

    def _stretch(self, past: NDArray[np.int64], expected_kw: Floats, price: Floats) -> None:
        """Lengthens axes that what is shown would leave."""
        noted = past[past >= 0]
        most_kw = np.maximum(
            expected_kw.max(axis=0),
            np.maximum(self._supply_kw[noted].sum(axis=2), self._load_kw[noted]).max(axis=0, initial=0.0),
        )
        prices = np.concatenate((price, self._price[noted]))
        known = self._scales
        stretched = _Scales(
            tuple(
                top if most <= top else _round_up(most)
                for top, most in zip(known.power_kw, most_kw.tolist(), strict=True)
            ),
            known.price if prices.max() <= known.price else _round_up(float(prices.max())),
            known.least_price if prices.min() >= known.least_price else -_round_up(-float(prices.min())),
        )
        if stretched != known:
            self._scales, self._static = stretched, None

    def _write_head(self, picture: Picture, outlook: Outlook) -> None:
        simulator, b = self._simulator, self._b
        kpis = kpis_of(simulator.params, simulator.state, simulator.tally, b)
        after = _put(picture, MARGIN, 9, _text(f"{outlook.time:%a %d %b %Y, %H:%M}", 17, bold=True))
        _put(picture, after + 16, 13, _text(f"step {outlook.step} of {outlook.n_steps}", 12))
        cost, slot = kpis["total_cost"], int(simulator.fleet.env["slot"][b])
        said = f"{_amount(cost)} {MONEY}"
        on_arrival = float(simulator.bank.on_arrival["total_cost"][slot, : outlook.step].sum())
        if on_arrival > 0.0:
            saving = (on_arrival - cost) / on_arrival
            said += f",  saving {_signed(saving, '.1%')}  (running all on arrival: {_amount(on_arrival)} {MONEY})"
        _put(picture, 96, 38, _text(said, 12, bold=True))
        rest = f"{kpis['green_share']:.0%} green,  {_amount(kpis['late_gpu_h'])} GPU-h late"
        _put(picture, RIGHT, 38, _text(rest, 12, bold=True), right=True)

    def _write_region(self, picture: Picture, outlook: Outlook, r: int) -> None:
        """Fills in the numbers and bars of one region."""
        flow, top = self._simulator.fleet.flows[self._b, r], HEAD + r * self._layout.row + 25
        fleet, queued = float(outlook.fleet_gpus[r]), float(outlook.queue_gpu_h[r])
        requests, busy = float(flow["interactive_gpus"]), float(flow["interactive_gpus"] + flow["held_gpus"])
        _fill(picture, top, 0.0, requests / fleet, _stripes(slanted=False))
        _fill(picture, top, requests / fleet, busy / fleet, _stripes(slanted=True))
        _put(picture, VALUE_LEFT, top - 3, _text(f"{_amount(busy)} of {fleet:,.0f}", 11))
        _fill(picture, top + 17, 0.0, queued / (WAITING_H * fleet), _stripes(slanted=True))
        _put(picture, VALUE_LEFT, top + 14, _text(f"{_amount(queued)} GPU-h", 11))
        load_kw = float(flow["it_kw"] + flow["cooling_kw"] + flow["wan_kw"] + flow["charge_kw"])
        drawn = f"{_amount(load_kw)} kW, {_amount(float(flow['grid_kw']))} from grid" if outlook.step else "nothing yet"
        _put(picture, BAR_LEFT, top + 31, _text(drawn, 11))
        _put(
            picture, BAR_LEFT, top + 48, _text(f"{_signed(float(outlook.price_per_kwh[r]), '.3f')} {MONEY}/kWh now", 11)
        )
        row = min(self._b, self._simulator.params.battery_kwh.shape[0] - 1)
        capacity_kwh = float(self._simulator.params.battery_kwh[row, r])
        if capacity_kwh > 0.0:
            share = float(self._simulator.state.stored_kwh[self._b, r]) / capacity_kwh
            _fill(picture, top + 68, 0.0, share, _stripes(slanted=False, colour=SOURCE_COLOURS["battery"]))
            _put(picture, VALUE_LEFT, top + 65, _text(f"{share:.0%} of {capacity_kwh:,.0f} kWh", 11))

    def _write_rest(self, picture: Picture, outlook: Outlook) -> None:
        """A line for the regions that have no row."""
        rest, flow = slice(self._shown, None), self._simulator.fleet.flows[self._b, self._shown :]
        fleet, queued = float(outlook.fleet_gpus[rest].sum()), float(outlook.queue_gpu_h[rest].sum())
        busy = float(flow["interactive_gpus"].sum() + flow["held_gpus"].sum())
        said = (
            f"and {outlook.n_regions - self._shown} more regions:  {_amount(busy)} of {fleet:,.0f} GPUs busy,"
            f"  {_amount(queued)} GPU-h waiting,  {_amount(float(flow['grid_kw'].sum()))} kW from the grid"
        )
        _put(picture, MARGIN, self._layout.foot - REST + 2, _text(said, 12, bold=True))

    def _draw_charts(self, picture: Picture, past: NDArray[np.int64], green_kw: Floats, price: Floats) -> None:
        """Draws the charts of all regions at once, as places in a table of colours."""
        seen, n_shown = past >= 0, self._shown
        before = (np.arange(BEFORE) * past.size) // BEFORE
        ahead = (np.arange(CHART_WIDTH - BEFORE) * (len(price) - 1)) // (CHART_WIDTH - BEFORE)
        power_kw, (_, high, low) = np.array(self._scales.power_kw), self._scales
        charts = np.repeat(_empty_chart(self._layout.chart)[None], 2 * n_shown, axis=0)
        power, prices = charts[:n_shown], charts[n_shown:]
        tops = np.cumsum(self._supply_kw[past], axis=2) * seen[:, None, None] / power_kw[None, :, None]
        for source in np.flatnonzero(self._supply_kw[past[seen]].any(axis=(0, 1)))[::-1].tolist():
            _area(power[:, :, :BEFORE], tops[before, :, source], _SOURCE + source)
        _area(power[:, :, BEFORE:], green_kw[ahead] / power_kw, _FORECAST)
        _line(power[:, :, :BEFORE], (self._load_kw[past] / power_kw)[before], seen[before])
        whole = np.concatenate((self._price[past][before], price[ahead]))
        known = np.concatenate((seen[before], np.ones(ahead.size, np.bool_)))
        _line(prices, (whole - low) / (high - low), known)
        charts[:, :, BEFORE] = _NOW
        strips = np.zeros((n_shown, STRIP, BEFORE), np.uint8)
        levels = self._levels[past][before].T[:, None, :]
        drawn = np.arange(STRIP)[None, :, None] >= STRIP - (levels + 1) * STRIP // len(Mode)
        np.copyto(strips, (_MODE + levels).astype(np.uint8), where=drawn & seen[before][None, None, :])
        for r in range(n_shown):
            top = HEAD + r * self._layout.row
            _put(picture, POWER_LEFT, top, _coloured(power[r]))
            _put(picture, PRICE_LEFT, top, _coloured(prices[r]))
            _put(picture, POWER_LEFT, top + self._layout.chart + 3, _coloured(strips[r]))


def _layout(n_rows: int, with_rest: bool) -> _Layout:
    row = 150 if n_rows <= 3 else 124 if n_rows <= 5 else 112
    foot = HEAD + n_rows * row + (REST if with_rest else 0)
    return _Layout(n_rows, row, row - STRIP - 14, math.ceil((foot + FOOT) / BLOCK) * BLOCK, foot)


def _static(scenario: Scenario, layout: _Layout, scales: _Scales, horizon_h: float) -> Image.Image:
    """All that stays: names, axes, legend."""
    image = Image.new("RGB", (WIDTH, layout.height), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((RIGHT, 13), scenario.name, SOFT, _font(12), anchor="ra")
    draw.text((MARGIN, 38), "cost so far", SOFT, _font(12))
    draw.line((MARGIN, 60, RIGHT, 60), LINE)
    megawatts = max(scales.power_kw) >= 10_000
    unit, kw = ("MW", 1000.0) if megawatts else ("kW", 1.0)
    for x, head in (
        (MARGIN, "Region and its decision"),
        (POWER_LEFT, f"Power by source, {unit}"),
        (PRICE_LEFT, f"Price of grid power, {MONEY}/kWh"),
    ):
        draw.text((x, 68), head, INK, _font(12, bold=True))
    for r in range(layout.n_rows):
        top = HEAD + r * layout.row
        draw.text((MARGIN, top - 1), _short(scenario.regions[r].name), INK, _font(13, bold=True))
        names = ["GPUs", "waiting", "power", "price"] + (["battery"] if scenario.regions[r].battery else [])
        for i, name in enumerate(names):
            y = top + 25 + 17 * i
            draw.text((MARGIN, y - 3), name, SOFT, _font(11))
            if name not in ("power", "price"):
                draw.rectangle((BAR_LEFT, y, BAR_LEFT + BAR_WIDTH, y + BAR_HEIGHT), PAPER, SOFT)
        _ticks(draw, POWER_LEFT, top, layout.chart, [scales.power_kw[r] / kw * q for q in (1.0, 0.5, 0.0)])
        between = (scales.price + scales.least_price) / 2
        _ticks(draw, PRICE_LEFT, top, layout.chart, [scales.price, between, scales.least_price])
        draw.text((POWER_LEFT - 6, top + layout.chart + 3), "decision", SOFT, _font(10), anchor="ra")
        for left in (POWER_LEFT, PRICE_LEFT):
            draw.rectangle((left - 1, top - 1, left + CHART_WIDTH, top + layout.chart), None, SOFT)
        if r:
            draw.line((MARGIN, top - 7, RIGHT, top - 7), LINE)
    bottom = HEAD + layout.n_rows * layout.row - STRIP - 9
    for left in (POWER_LEFT, PRICE_LEFT):
        for i in range(-2, 5):
            said = _signed(horizon_h / 4 * i, "+g") if i else "now"
            x = left + BEFORE + i * (CHART_WIDTH - BEFORE) // 4
            y = bottom if left == PRICE_LEFT or i > 0 else bottom + STRIP
            anchor = {-2: "la", 4: "ra"}.get(i, "ma")
            draw.text((x, y), said + (" h" if i == 4 else ""), SOFT, _font(10), anchor=anchor)
    _legend(image, scenario, layout.foot + 10)
    return image


def _ticks(draw: ImageDraw.ImageDraw, left: int, top: int, height: int, values: list[float]) -> None:
    """Values beside the top, the middle and the bottom of a chart."""
    for value, y, anchor in zip(values, (top - 2, top + height // 2, top + height), ("ra", "rm", "rs"), strict=True):
        draw.text((left - 6, y), _signed(value, ",.4g"), SOFT, _font(10), anchor=anchor)


def _legend(image: Image.Image, scenario: Scenario, top: int) -> None:
    draw = ImageDraw.Draw(image)
    draw.line((MARGIN, top, RIGHT, top), LINE)
    y, x = top + 10, 90
    draw.text((MARGIN, y - 1), "Power", INK, _font(11, bold=True))
    for name in _sources_of(scenario):
        draw.rectangle((x, y, x + 16, y + 10), SOURCE_COLOURS[name], SOFT)
        x = _said(draw, x + 22, y, name)
    draw.line((x, y + 5, x + 16, y + 5), INK, 2)
    x = _said(draw, x + 22, y, "load (what stands above it is spare)")
    if set(_sources_of(scenario)) & {"hydro", "wind", "sun"}:
        draw.rectangle((x, y, x + 16, y + 10), FORECAST, SOFT)
        _said(draw, x + 22, y, "own plants, forecast")
    y, x = y + 21, 90
    draw.text((MARGIN, y - 1), "Decision", INK, _font(11, bold=True))
    for mode in Mode:
        height = (mode + 1) * STRIP // len(Mode)
        draw.rectangle((x, y + STRIP - height - 1, x + 16, y + STRIP - 2), MODE_COLOURS[mode], SOFT)
        x = _said(draw, x + 22, y, f"{mode.name}: {MODE_MEANINGS[mode]}")
    y, x = y + 21, 90
    draw.text((MARGIN, y - 1), "Bars", INK, _font(11, bold=True))
    for slanted, said in ((False, "requests"), (True, "deferrable work, running or waiting")):
        draw.rectangle((x - 1, y - 1, x + 17, y + 11), PAPER, SOFT)
        image.paste(Image.fromarray(_stripes(slanted=slanted)[:11, :17]), (x, y))
        x = _said(draw, x + 22, y, said)
    _said(draw, x, y, f"full bar: all GPUs, or work for all GPUs for {WAITING_H:g} hours")


def _said(draw: ImageDraw.ImageDraw, x: int, y: int, text: str) -> int:
    """Writes a word of the legend; where the next may begin."""
    draw.text((x, y - 1), text, INK, _font(11))
    return x + round(draw.textlength(text, _font(11))) + 16


def _sources_of(scenario: Scenario) -> list[str]:
    """Sources that a site of the scenario has."""
    regions = scenario.regions
    supplies = [region.supply for region in regions if region.supply is not None]
    there = {
        "hydro": any(region.river.capacity_kw > 0 or region.cooling.recovered_share > 0 for region in regions),
        "wind": any(region.wind.capacity_kw > 0 for region in regions),
        "sun": any(region.sun.capacity_kw > 0 for region in regions),
        "direct line": any(supply.direct is not None for supply in supplies),
        "contract": any(supply.contract is not None for supply in supplies),
        "battery": any(region.battery is not None for region in regions),
        "grid": True,
    }
    return [name for name in SOURCES if there[name]]


def _put(picture: Picture, x: int, y: int, patch: Picture, *, right: bool = False) -> int:
    """Lays a patch into the picture, its left or right edge at `x`; where it ends."""
    height, width = patch.shape[:2]
    left = x - width if right else x
    seen = picture[y : y + height, left : left + width]
    seen[...] = patch[:, : seen.shape[1]]
    return left + width


def _fill(picture: Picture, y: int, first: float, last: float, stripes: Picture) -> None:
    """Stripes in a bar, between two shares of its length."""
    start, end = (round(BAR_WIDTH * min(1.0, share)) for share in (first, last))
    picture[y + 1 : y + BAR_HEIGHT, BAR_LEFT + 1 + start : BAR_LEFT + 1 + end] = stripes[: BAR_HEIGHT - 1, start:end]


def _text(text: str, size: int, *, bold: bool = False) -> Picture:
    """A line of text on paper, put together from letters that are drawn once."""
    return np.concatenate([_letter(letter, size, bold) for letter in text], axis=1)


@cache
def _letter(letter: str, size: int, bold: bool) -> Picture:
    font = _font(size, bold=bold)
    image = Image.new("RGB", (round(font.getlength(letter)), round(1.4 * size)), PAPER)
    ImageDraw.Draw(image).text((0, 0), letter, INK, font)
    return np.array(image)


@cache
def _badge(word: str, level: int) -> Picture:
    """A decision in a box of its colour."""
    font = _font(11, bold=True)
    width = round(font.getlength(word)) + 14
    image = Image.new("RGB", (width, 18), MODE_COLOURS[Mode(level)])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width - 1, 17), None, SOFT)
    draw.text((width // 2, 2), word, INK if level in (Mode.HOLD, Mode.SOAK) else PAPER, font, anchor="ma")
    return np.array(image)


@cache
def _stripes(*, slanted: bool, colour: str = INK) -> Picture:
    """A whole bar: upright stripes for requests and what is stored, slanted ones for work."""
    y, x = np.mgrid[:STRIP, :BAR_WIDTH]
    drawn = (x + y) % 4 < 1 if slanted else x % 3 < 2
    return np.where(drawn[:, :, None], _rgb(colour), _rgb(PAPER))


@cache
def _empty_chart(height: int) -> NDArray[np.uint8]:
    """A chart's grid, as places in the table of colours."""
    chart = np.zeros((height, CHART_WIDTH), np.uint8)
    chart[:, :BEFORE] = _PAST
    chart[height // 2] = _GRID
    chart[:, :: (CHART_WIDTH - BEFORE) // 4] = _GRID
    return chart


def _coloured(places: NDArray[np.uint8]) -> Picture:
    """Pixels of places in the table of colours; Pillow is quicker at looking them up than NumPy."""
    image = Image.fromarray(places)
    image.putpalette(_palette())
    return np.asarray(image.convert("RGB"))


@cache
def _palette() -> bytes:
    return b"".join(bytes.fromhex(colour[1:]) for colour in _CHART_COLOURS)


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def _area(charts: NDArray[np.uint8], tops: Floats, colour: int) -> None:
    """Fills charts, (S, H, W), from below up to shares of their height, (W, S)."""
    height = charts.shape[1]
    first = (height - np.rint(np.clip(tops, 0.0, 1.0) * height)).astype(np.int16).T
    np.copyto(charts, colour, where=np.arange(height, dtype=np.int16)[None, :, None] >= first[:, None, :])


def _line(charts: NDArray[np.uint8], tops: Floats, known: NDArray[np.bool_]) -> None:
    """Draws a line of steps, two pixels wide, at shares of the height of charts, (S, H, W); `tops` is (W, S)."""
    height = charts.shape[1]
    y = np.rint((1.0 - np.clip(tops, 0.0, 1.0)) * (height - 2)).astype(np.int16).T
    before = np.where(known & np.roll(known, 1), np.roll(y, 1, axis=1), y)
    before[:, 0] = y[:, 0]
    first, last = np.minimum(y, before)[:, None, :], np.maximum(y, before)[:, None, :] + 1
    rows = np.arange(height, dtype=np.int16)[None, :, None]
    drawn = (rows >= first) & (rows <= last)
    np.copyto(charts, _INK, where=drawn & known[None, None, :])


def _round_up(value: float) -> float:
    """The least of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6 and 8 times a power of ten that is not below `value`."""
    if value <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return power * next(step for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9))


def _amount(value: float) -> str:
    """A number as a reader wants it: whole from ten on, two digits below."""
    return _signed(value, ",.0f" if abs(value) >= 9.95 or value == 0 else ".2g")


def _signed(value: float, form: str) -> str:
    """A number with a true minus sign."""
    return format(value, form).replace("-", "\u2212")


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"


@cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, which matplotlib brings, found without importing it; Pillow's own font where it is not there."""
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
        path = folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
        if path.exists():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)
