"""Draws why a clock rule loses when prices change: an average day before and after, prices above, modes below."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats
from wattward.experiments.common.plotting import DAY_H, INK, MODES, SHADE, check_suffix, save, style
from wattward.experiments.leaderboard.compare import Pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEANINGS = {
    Mode.HOLD: "HOLD: only what is due",
    Mode.SOAK: "SOAK: as far as surplus covers",
    Mode.RUN: "RUN: own queue",
    Mode.PULL: "PULL: own queue, then others'",
}
NOW, THEN, OTHER, WORK = "#c1121f", "#d9a5a8", "#5b6b7a", "#1d2833"
HELD, PULLED = SHADE, "#e3eef8"
OFTEN = 0.5
"""A band marks an hour if the first method holds or pulls in more than this share of the hour's steps."""
MOST_REGIONS = 3
WIDTH_INCHES, PRICE_INCHES, ROW_INCHES, HEAD_INCHES = 11.0, 2.0, 0.95, 1.5
HOURS = (0, 3, 6, 9, 12, 15, 18, 21, 24)
EDGES = np.arange(DAY_H + 1, dtype=np.float64)


def draw_shift(shown: Picture, path: Path) -> None:
    """Draws the picture to `path`, a PNG; at most the `MOST_REGIONS` regions whose prices change most.

    Raises:
        ConfigError: the path does not end in .png, or cannot be written.
    """
    check_suffix(path, (".png",), "--out")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    regions = _regions(shown)
    rows = len(shown.panels) * len(regions)
    with mpl.rc_context(style()):
        figure = Figure(figsize=(WIDTH_INCHES, HEAD_INCHES + PRICE_INCHES + ROW_INCHES * rows))
        figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.03)
        heights = (PRICE_INCHES, *[ROW_INCHES] * rows)
        axes = figure.subplots(1 + rows, 2, squeeze=False, sharex=True, sharey="row", height_ratios=heights)
        for side in range(2):
            _draw_prices(axes[0, side], shown, regions, side)
            places = [(panel, r) for panel in shown.panels for r in regions]
            for axis, (panel, r) in zip(axes[1:, side], places, strict=True):
                _draw_modes(axis, panel, r, side)
                if r == regions[0]:
                    axis.set_title(_told(panel, side, shown.currency), fontsize=9, loc="left", pad=4)
                if side == 0:
                    axis.set_ylabel(shown.labels[r].replace(", ", "\n"), rotation=0, ha="right", va="center")
        _dress(figure, axes, shown)
        save(figure, path)


def _regions(shown: Picture) -> list[int]:
    """Indices of the drawn regions, the largest change of price first."""
    before, after = shown.price_per_kwh
    moved = np.abs(after - before).max(axis=0)
    return [int(r) for r in np.argsort(-moved, kind="stable")[:MOST_REGIONS]]


def _draw_prices(axis: Axes, shown: Picture, regions: list[int], side: int) -> None:
    first, others = regions[0], regions[1:]
    does = shown.panels[0].days[side].mode_share[:, first]
    name, who = shown.labels[first].split(", ")[-1], shown.panels[0].method
    for mode, colour, word in ((Mode.HOLD, HELD, "holds"), (Mode.PULL, PULLED, "pulls to")):
        for hour in np.flatnonzero(does[:, mode] > OFTEN).tolist():
            axis.axvspan(hour, hour + 1, color=colour, lw=0, label=f"{who} {word} {name}")
    own, other = shown.price_per_kwh[side], shown.price_per_kwh[1 - side]
    _step(axis, other[:, first], color=THEN, lw=1.4, ls=(0, (3, 1.5)), label=f"{name}'s price in the other case")
    for r in others:
        _step(axis, own[:, r], color=OTHER, lw=1.4, label=f"{shown.labels[r].split(', ')[-1]}'s price")
    _step(axis, own[:, first], color=NOW, lw=2.4, label=f"{name}'s price")
    _tell_held(axis, shown, regions, side)
    axis.set_title(shown.pair[side], fontsize=11, fontweight="bold", loc="left", pad=6)
    axis.set_ylim(min(0.0, float(own.min())), None)
    if side == 0:
        axis.set_ylabel(f"{shown.currency}/kWh")


def _tell_held(axis: Axes, shown: Picture, regions: list[int], side: int) -> None:
    """Writes the mean prices over the hours in which the first method holds work, beside the last of these hours."""
    held = np.flatnonzero(shown.panels[0].days[side].mode_share[:, regions[0], Mode.HOLD] > OFTEN)
    if held.size:
        mean = shown.price_per_kwh[side][held].mean(axis=0)
        told = ", ".join(f"{shown.labels[r].split(', ')[-1]} {mean[r]:.2f}" for r in regions)
        axis.text(float(held[-1]) + 1.3, 0.04, f"held at: {told}", transform=axis.get_xaxis_transform(), fontsize=8.5)


def _draw_modes(axis: Axes, panel: Panel, r: int, side: int) -> None:
    day, base = panel.days[side], np.zeros(DAY_H)
    for mode in Mode:
        share = day.mode_share[:, r, mode]
        axis.stairs(base + share, EDGES, baseline=base, fill=True, color=MODES[mode.name], lw=0, label=MEANINGS[mode])
        base = base + share
    _step(axis, day.deferrable_share[:, r], color=WORK, lw=1.6, label="GPUs of deferrable work / fleet")
    axis.set_ylim(0, 1)
    axis.set_yticks((0, 0.5, 1), ("0", "", "1"))


def _told(panel: Panel, side: int, currency: str) -> str:
    score, day = panel.scores[side], panel.days[side]
    scored = "no score" if score is None else f"score {score:.2f}"
    return f"{panel.method}: {scored}; its deferrable work met {day.met_price_per_kwh:.3f} {currency}/kWh"


def _step(axis: Axes, values: Floats, **style: Any) -> None:  # noqa: ANN401 - matplotlib's own
    axis.stairs(values, EDGES, baseline=None, **style)


def _dress(figure: Figure, axes: Any, shown: Picture) -> None:  # noqa: ANN401 - an array of Axes
    for axis in axes.ravel():
        axis.set_xlim(0, DAY_H)
        axis.set_xticks(HOURS)
        axis.tick_params(colors=INK, length=0)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel(f"hour, {shown.timezone}")
    figure.suptitle(f"{shown.title}: an average day\n{shown.about}", x=0.01, ha="left", fontsize=10)
    found: dict[str, Any] = {}
    for axis in (axes[0, 0], axes[0, 1], axes[1, 0]):
        found |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(found.values(), found.keys(), loc="outside lower left", ncols=4, frameon=False, fontsize=8.5)


class Day(NamedTuple):
    """A method's average day in R regions, for each of the 24 hours of the scenario's clock."""

    mode_share: Floats  # (24, R, 4) share of the steps in each `Mode`
    deferrable_share: Floats  # (24, R) share of the fleet that deferrable work holds
    met_price_per_kwh: float  # mean price of deferrable work, weighted by GPU-h


@dataclass(frozen=True)
class Panel:
    """One method's average days and scores, before and after."""

    method: str
    days: tuple[Day, Day]
    scores: tuple[float | None, float | None]


@dataclass(frozen=True)
class Picture:
    """All that the picture of a shift shows."""

    title: str
    pair: Pair
    labels: tuple[str, ...]  # (R,)
    currency: str
    timezone: str
    price_per_kwh: tuple[Floats, Floats]  # each (24, R)
    panels: tuple[Panel, ...]
    about: str
