"""The parts of frames as arrays: colours, sizes, letters, bars, areas and lines.

Pillow draws a patch of text or a bar once; it is then copied into frames. Charts hold indices into a table of colours
until they are coloured.
"""

from __future__ import annotations

import importlib.util
import math
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats

Picture: TypeAlias = NDArray[np.uint8]
"""An RGB array, shape (height, width, 3)."""
SOURCES = ("hydro", "wind", "sun", "direct line", "contract", "stores", "grid")
"""Sources of power, in the order of the stacked areas from below. A turbine in the return water counts as hydro."""
SOURCE_COLOURS = {
    "hydro": "#0072b2",
    "wind": "#56b4e9",
    "sun": "#f0e442",
    "direct line": "#e69f00",
    "contract": "#009e73",
    "stores": "#cc79a7",
    "grid": "#c04a00",
}
"""Colours after Okabe and Ito (2008), with a darker vermilion. No source is grey, because greys show decisions."""
MODE_COLOURS = {Mode.HOLD: "#e4e4e4", Mode.SOAK: "#bdbdbd", Mode.RUN: "#6a6a6a", Mode.PULL: "#1a1a1a"}
MODE_MEANINGS = {
    Mode.HOLD: "only work that is due",
    Mode.SOAK: "as far as spare green power goes",
    Mode.RUN: "own waiting work",
    Mode.PULL: "own work, then others'",
}
INK, SOFT, LINE, PAPER, PAST, FORECAST = "#222222", "#5c5c5c", "#d8d8d8", "#ffffff", "#f6f6f6", "#a9d5c3"
MOST_REGIONS = 8
"""The most regions that get a row of their own. If there are more, one line sums up the rest."""
WAITING_H = 12.0
"""A full bar of waiting work would keep all GPUs of the region busy for this many hours."""

WIDTH, MARGIN, HEAD, FOOT, REST = 960, 16, 92, 84, 26
RIGHT = WIDTH - MARGIN + 4
BLOCK = 16
"""Width and height of a frame are multiples of this [pixels], as video encoders prefer."""
CHART_WIDTH, BEFORE = 288, 96
"""Widths of a chart and of its part before now [pixels]. A step of 15 minutes or an hour spans whole pixels."""
POWER_LEFT, PRICE_LEFT = 306, 660
HEADS = 68
"""Top of the column headings."""
MEGAWATTS_FROM_KW = 10_000.0
BAR_LEFT, BAR_WIDTH, BAR_HEIGHT, VALUE_LEFT = 70, 72, 10, 148
PANEL_RIGHT = 248
TICK = 12
"""Height of a number beside an axis."""
STRIP = 12
"""Height of the row of past decisions below the chart of power."""
CHART_COLOURS = (PAPER, LINE, PAST, FORECAST, INK, SOFT, *SOURCE_COLOURS.values(), *MODE_COLOURS.values())
GRID_AT, PAST_AT, FORECAST_AT, INK_AT, SOFT_AT, SOURCE_AT, MODE_AT = 1, 2, 3, 4, 5, 6, 6 + len(SOURCES)


def lay(picture: Picture, x: int, y: int, patch: Picture, *, right: bool = False) -> int:
    """Copies a patch into the picture, with its left or right edge at `x`; returns where it ends."""
    height, width = patch.shape[:2]
    left = x - width if right else x
    seen = picture[y : y + height, left : left + width]
    seen[...] = patch[:, : seen.shape[1]]
    return left + width


def fill_bar(picture: Picture, y: int, first: float, last: float, stripes: Picture) -> None:
    """Fills a bar with stripes between two shares of its length."""
    start, end = (round(BAR_WIDTH * min(1.0, share)) for share in (first, last))
    picture[y + 1 : y + BAR_HEIGHT, BAR_LEFT + 1 + start : BAR_LEFT + 1 + end] = stripes[: BAR_HEIGHT - 1, start:end]


def lettered(text: str, size: int, *, bold: bool = False, colour: str = INK) -> Picture:
    """A line of text on the background colour, assembled from letters that are drawn once."""
    return np.concatenate([_letter(letter, size, bold, colour) for letter in text], axis=1)


@cache
def _letter(letter: str, size: int, bold: bool, colour: str) -> Picture:
    font = font_of(size, bold=bold)
    image = Image.new("RGB", (round(font.getlength(letter)), round(1.4 * size)), PAPER)
    ImageDraw.Draw(image).text((0, 0), letter, colour, font)
    return np.array(image)


def write_ticks(picture: Picture, left: int, top: int, height: int, values: tuple[float, ...]) -> None:
    """Overwrites the numbers beside a chart: the greatest, the least, then others where there is room."""
    picture[top - 3 : top + height + 2, left - 46 : left - 2] = 255
    high, low, *_ = values
    taken: list[int] = []
    for value in values:
        y = top - 1 + round((high - value) / (high - low) * (height - TICK))
        if all(abs(y - other) >= TICK for other in taken):
            taken.append(y)
            lay(picture, left - 6, y, lettered(signed(value, ",.4g"), 10, colour=SOFT), right=True)


@cache
def decision_badge(word: str, level: int) -> Picture:
    """A decision in a box of its colour."""
    font = font_of(11, bold=True)
    width = round(font.getlength(word)) + 14
    image = Image.new("RGB", (width, 18), MODE_COLOURS[Mode(level)])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width - 1, 17), None, SOFT)
    draw.text((width // 2, 2), word, INK if level in (Mode.HOLD, Mode.SOAK) else PAPER, font, anchor="ma")
    return np.array(image)


@cache
def stripes(*, slanted: bool, colour: str = INK) -> Picture:
    """The stripes of a full bar: upright for requests and stored energy, slanted for work."""
    y, x = np.mgrid[:STRIP, :BAR_WIDTH]
    drawn = (x + y) % 4 < 1 if slanted else x % 3 < 2
    return np.where(drawn[:, :, None], _rgb(colour), _rgb(PAPER))


@cache
def empty_chart(height: int) -> NDArray[np.uint8]:
    """The grid of a chart, as indices into the table of colours."""
    chart = np.zeros((height, CHART_WIDTH), np.uint8)
    chart[:, :BEFORE] = PAST_AT
    chart[height // 2] = GRID_AT
    chart[:, :: (CHART_WIDTH - BEFORE) // 4] = GRID_AT
    return chart


def coloured(places: NDArray[np.uint8]) -> Picture:
    """Pixels of indices into the table of colours; Pillow looks them up faster than NumPy."""
    image = Image.fromarray(places)
    image.putpalette(_palette())
    return np.asarray(image.convert("RGB"))


@cache
def _palette() -> bytes:
    return b"".join(bytes.fromhex(colour[1:]) for colour in CHART_COLOURS)


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def draw_area(charts: NDArray[np.uint8], tops: Floats, colour: int) -> None:
    """Fills charts, shape (S, H, W), from the bottom up to shares of their height, shape (W, S)."""
    height = charts.shape[1]
    first = (height - np.rint(np.clip(tops, 0.0, 1.0) * height)).astype(np.int16).T
    np.copyto(charts, colour, where=np.arange(height, dtype=np.int16)[None, :, None] >= first[:, None, :])


def draw_line(charts: NDArray[np.uint8], tops: Floats, known: NDArray[np.bool_]) -> None:
    """Draws a line of steps, two pixels wide, at shares of the height of charts, (S, H, W); `tops` is (W, S)."""
    height = charts.shape[1]
    y = np.rint((1.0 - np.clip(tops, 0.0, 1.0)) * (height - 2)).astype(np.int16).T
    before = np.where(known & np.roll(known, 1), np.roll(y, 1, axis=1), y)
    before[:, 0] = y[:, 0]
    first, last = np.minimum(y, before)[:, None, :], np.maximum(y, before)[:, None, :] + 1
    rows = np.arange(height, dtype=np.int16)[None, :, None]
    drawn = (rows >= first) & (rows <= last)
    np.copyto(charts, INK_AT, where=drawn & known[None, None, :])


def round_up(value: float) -> float:
    """Rounds up to the next number that is 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of ten."""
    if value <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return power * next(step for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9))


def amount(value: float) -> str:
    """Formats a number for readers: whole from ten on, with two digits below."""
    return signed(value, ",.0f" if abs(value) >= 9.95 or value == 0 else ".2g")


def signed(value: float, form: str) -> str:
    """A number with a true minus sign."""
    return format(value, form).replace("-", "\u2212")


def shortened(name: str) -> str:
    """Shortens a name so that it fits beside a decision."""
    return name if len(name) <= 18 else f"{name[:17]}…"


@cache
def font_of(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans from matplotlib's files, found without importing matplotlib; Pillow's own font if it is missing."""
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
        path = folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
        if path.exists():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)
