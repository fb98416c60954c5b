"""Draws a leaderboard: a dot and an interval for each method between running on arrival and the bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.experiments.common import tables
from wattward.experiments.common.plotting import FAINT, INK, KINDS, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
SCORE_COLUMN, SAVING_COLUMN = 1.2, 1.3
"""Positions of the numbers, right aligned, in widths of the panel."""
LOWEST = -0.5
"""Lower scores are drawn at the edge, with an arrow."""


def draw_leaderboard(rows: Sequence[Row], title: str, paths: Sequence[Path]) -> None:
    """Draws one panel for each scenario and writes the picture to each of `paths`, in the format of its suffix."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = _panels(rows)
    heights = [0.36 * len(_methods(panel)) + 0.9 for panel in panels.values()]
    with mpl.rc_context(style(10.5)):
        figure = Figure(figsize=(9.0, sum(heights) + 0.8), layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, (scenario, panel) in zip(axes, panels.items(), strict=True):
            _panel(axis, scenario, panel)
        save(figure, *paths, dpi=160, tight=True)


def _panels(rows: Sequence[Row]) -> dict[str, list[Row]]:
    scenarios = dict.fromkeys(row["scenario"] for row in rows)
    return {name: [row for row in rows if row["scenario"] == name] for name in scenarios}


def _methods(panel: Sequence[Row]) -> list[Row]:
    return [row for row in panel if row["kind"] not in {"bound", "best known"}]


def _panel(axis: Axes, scenario: str, panel: Sequence[Row]) -> None:
    methods = _methods(panel)
    known = next((row["score_iqm"] for row in panel if row["kind"] == "best known"), None)
    lines: list[tuple[str, float, Any]] = [("RunOnArrival", 0.0, (0, (1, 2))), ("bound", 1.0, "solid")]
    lines += [] if known is None else [("best known  ", known, "dashed")]
    for _, x, dashes in lines:
        axis.axvline(x, color=INK, linewidth=1.0, linestyle=dashes, zorder=1)
    for y, row in enumerate(methods):
        _method(axis, y, row)
    low = max(LOWEST, min([row["score_low"] for row in methods if row["score_low"] is not None] + [0.0]))
    axis.set_xlim(low - 0.04, 1.03)
    axis.set_ylim(len(methods) - 0.4, -0.6)
    axis.set_yticks(range(len(methods)), [row["method"] for row in methods])
    _dress(axis, scenario, [(name, x) for name, x, _ in lines])
    for label, row in zip(axis.get_yticklabels(), methods, strict=True):
        label.set_color(KINDS[row["kind"]])
        label.set_fontweight("bold" if row["kind"] in {"learned", "submitted"} else "normal")


def _method(axis: Axes, y: int, row: Row) -> None:
    colour, score = KINDS[row["kind"]], row["score_iqm"]
    axis.axhline(y, color=FAINT, linewidth=0.5, zorder=0)
    if score is not None:
        ends = [max(LOWEST, row["score_low"]), max(LOWEST, row["score_high"])]
        axis.plot(ends, [y, y], color=colour, linewidth=3.2, alpha=0.45)
        marker, filled = "o" if score >= LOWEST else "<", "white" if row.get("mark") else colour
        axis.plot(max(LOWEST, score), y, marker=marker, color=colour, mfc=filled, markersize=7, zorder=3)
    saving = "" if row["saving"] is None else f"{row['saving']:.1%}"
    for column, label in ((SCORE_COLUMN, tables.scored(row)), (SAVING_COLUMN, saving)):
        place = axis.get_yaxis_transform()
        axis.text(column, y, label, transform=place, ha="right", va="center", color=colour, fontsize=9.5)


def _dress(axis: Axes, scenario: str, lines: Sequence[tuple[str, float]]) -> None:
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(left=False, colors=INK)
    above: dict[str, Any] = {
        "xytext": (0, 4),
        "textcoords": "offset points",
        "va": "bottom",
        "fontsize": 9.5,
        "color": INK,
    }
    for name, x in lines:
        side = "right" if name.startswith("best") else "center"
        axis.annotate(name, (x, 1.0), xycoords=axis.get_xaxis_transform(), ha=side, **above)
    for x, name in ((SCORE_COLUMN, "score"), (SAVING_COLUMN, "saving")):
        axis.annotate(name, (x, 1.0), xycoords="axes fraction", ha="right", **above)
    axis.set_xlabel(f"score on {scenario}: interquartile mean and 95 % interval; hollow: marked", color=INK)
