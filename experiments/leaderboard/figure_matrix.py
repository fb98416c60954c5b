"""Draws a leaderboard over many scenarios: methods as rows, scenarios as columns, scores in squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.experiments.common.plotting import DIVERGING, INK, KINDS, SHADE, save, style
from wattward.experiments.common.tables import ALL, side_by_side_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
LOWEST, HIGHEST = -0.5, 0.8
"""Limits of the colour scale."""
SQUARE_INCHES, NAME_INCHES, HEAD_INCHES = (0.74, 0.31), 1.9, 2.1


def draw_matrix(rows: Sequence[Row], title: str, paths: Sequence[Path]) -> None:
    """Draws all scenarios side by side, after the mean over them, and writes the picture to each of `paths`."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = [name for name in side_by_side_order(rows) if name != "bound"]
    scenarios = sorted(dict.fromkeys(row["scenario"] for row in rows), key=lambda name: name != ALL)
    found = {(row["method"], row["scenario"]): row for row in rows}
    kinds = {row["method"]: row["kind"] for row in rows}
    wide, high = SQUARE_INCHES
    with mpl.rc_context(style()):
        figure = Figure(figsize=(NAME_INCHES + wide * len(scenarios), HEAD_INCHES + high * len(names)))
        figure.set_layout_engine("constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        axis = figure.subplots()
        _squares(axis, [[found.get((name, scenario)) for scenario in scenarios] for name in names])
        _dress(axis, names, scenarios, kinds)
        save(figure, *paths, dpi=150)


def _squares(axis: Axes, cells: Sequence[Sequence[Row | None]]) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import TwoSlopeNorm

    scores = np.array([[_score(row) for row in line] for line in cells])
    colours = colormaps[DIVERGING].with_extremes(bad="white")
    axis.imshow(scores, cmap=colours, norm=TwoSlopeNorm(0.0, LOWEST, HIGHEST), aspect="auto", alpha=0.75)
    highest = _highest(cells)
    for y, line in enumerate(cells):
        for x, row in enumerate(line):
            score = scores[y, x]
            if np.isnan(score):
                axis.add_patch(_marked(x, y))
            best = not np.isnan(score) and x in highest and score == highest[x]
            weight = "bold" if best else "normal"
            axis.text(x, y, _said(row), ha="center", va="center", fontsize=8.5, color=INK, fontweight=weight)


def _highest(cells: Sequence[Sequence[Row | None]]) -> dict[int, float]:
    """The highest score of a method in each column that has one; the best known schedule is not a method."""
    methods = [
        (x, row["score_iqm"])
        for line in cells
        for x, row in enumerate(line)
        if row is not None and row["score_iqm"] is not None and row["kind"] != "best known"
    ]
    return {x: max(score for at, score in methods if at == x) for x, _ in methods}


def _marked(x: int, y: int) -> Any:  # noqa: ANN401 - a matplotlib patch
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, y - 0.5), 1.0, 1.0, facecolor=SHADE, edgecolor="none")


def _score(row: Row | None) -> float:
    return np.nan if row is None or row["score_iqm"] is None else float(row["score_iqm"])


def _said(row: Row | None) -> str:
    """The score, with a star if the row is marked, or the mark of a row without a score."""
    if row is None:
        return "missing"
    if row["score_iqm"] is None:
        return str(row.get("mark") or "")
    return f"{row['score_iqm']:.2f}{'*' if row.get('mark') else ''}"


def _dress(axis: Axes, names: Sequence[str], scenarios: Sequence[str], kinds: Mapping[str, str]) -> None:
    axis.set_xticks(range(len(scenarios)), scenarios, rotation=40, ha="left", rotation_mode="anchor")
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(length=0, colors=INK)
    axis.set_xticks(np.arange(len(scenarios) + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1.5)
    axis.tick_params(which="minor", length=0)
    for side in axis.spines.values():
        side.set_visible(False)
    for label, name in zip(axis.get_yticklabels(), names, strict=True):
        label.set_color(INK if kinds[name] == "rule" else KINDS.get(kinds[name], INK))
        label.set_fontweight("bold" if kinds[name] in {"learned", "submitted"} else "normal")
    axis.set_xlabel("score: 0 is RunOnArrival, 1 is the hindsight bound; bold: best; *: too much work late or dropped")
