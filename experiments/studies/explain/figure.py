"""Two pictures of what agents learned: when they run deferrable work, and which fields they use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.envs.model.types import Floats
from wattward.experiments.common.plotting import DAY_H, FAINT, INK, SEQUENTIAL, save, style
from wattward.experiments.evaluation.playing import FLOOR
from wattward.experiments.studies.explain.facts import BOUND, CLOCK, RULE, Agent, Explanation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK_FROM = 0.55
RANKS = ("0", ".2", ".4", ".6", ".8", "1")
SURPLUSES = ("none", "some", "much")
LINES = {BOUND: "#22303c", CLOCK: "#b08968", RULE: "#5aa469"}
AGENT_LINES = ("#c1121f", "#f0803c", "#8e5bb5", "#2f7fb8")
STYLES: dict[str, dict[str, Any]] = {BOUND: {"lw": 2.4}, CLOCK: {"lw": 1.3, "ls": (0, (3, 1.5))}, RULE: {"lw": 1.3}}
PRICE = "#e9edf0"
SAME, ANY, GROUP = "#9db8cf", "#2f5d8a", "#f3f5f7"
COLUMN_INCHES, HOUR_INCHES, REGION_INCHES, HEAD_INCHES = 1.75, 4.2, 1.75, 1.75
LEAST_INCHES = 7.4
HOURS = (0, 6, 12, 18, 24)


def draw_when(told: Explanation, path: Path) -> None:
    """Draws when methods run deferrable work, one row for each region, to `path`, a PNG.

    Raises:
        ConfigError: the path cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = [BOUND, *(agent.name for agent in told.agents), RULE, CLOCK]
    rows, columns = len(told.drawn), len(names) + 1
    with mpl.rc_context(style()):
        size = (COLUMN_INCHES * len(names) + HOUR_INCHES, HEAD_INCHES + REGION_INCHES * rows)
        figure = Figure(figsize=size)
        figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.06)
        widths = (*[COLUMN_INCHES] * len(names), HOUR_INCHES)
        axes = figure.subplots(rows, columns, squeeze=False, width_ratios=widths)
        for row, r in zip(axes, told.drawn, strict=True):
            for axis, name in zip(row, names, strict=False):
                _draw_kinds(axis, told.shares[name].by_kind[:, :, r])
            _draw_hours(row[-1], told, names, r)
            row[0].set_ylabel(f"{told.regions[r].split(' (')[0]}\nsurplus green power", fontsize=9)
            for axis in row[1:-1]:
                axis.set_yticks([])
        for axis, name in zip(axes[0], names, strict=False):
            axis.set_title(name, fontsize=10, fontweight="bold", pad=6)
        axes[0, -1].set_title("by hour of day", fontsize=10, fontweight="bold", pad=6)
        _dress_when(figure, axes, told)
        save(figure, path)


def _draw_kinds(axis: Axes, share: Floats) -> None:
    axis.imshow(share.T, cmap=SEQUENTIAL, vmin=0.0, vmax=1.0, origin="lower", aspect="auto")
    for (rank, surplus), value in np.ndenumerate(share):
        if np.isfinite(value):
            colour = "white" if value > DARK_FROM else INK
            axis.text(rank, surplus, f"{100 * value:.0f}", ha="center", va="center", color=colour, fontsize=9)
    axis.set_facecolor("white")
    axis.set_xticks(np.arange(len(RANKS)) - 0.5, RANKS)
    axis.set_yticks(range(len(SURPLUSES)), SURPLUSES, rotation=90, va="center")
    axis.tick_params(colors=INK, length=0, labelsize=8)


def _draw_hours(axis: Axes, told: Explanation, names: list[str], r: int) -> None:
    edges = np.arange(DAY_H + 1, dtype=np.float64)
    price = told.price_per_kwh[:, r]
    top = max(float(told.price_per_kwh.max()), 1e-9)
    axis.stairs(price / top, edges, fill=True, color=PRICE, lw=0, label="price (its highest: 1)")
    lines = iter(AGENT_LINES * len(names))
    for name in names:
        colour = LINES[name] if name in LINES else next(lines)
        style = STYLES.get(name, {"lw": 1.9})
        axis.stairs(told.shares[name].by_hour[:, r], edges, baseline=None, color=colour, label=name, **style)
    axis.set_xlim(0, DAY_H)
    axis.set_xticks(HOURS)
    axis.set_ylim(0, 1.02)
    axis.set_yticks((0, 0.5, 1), ("0", "50 %", "100 %"))
    axis.tick_params(colors=INK, length=0, labelsize=8)


def _dress_when(figure: Figure, axes: Any, told: Explanation) -> None:  # noqa: ANN401 - an array of Axes
    for axis in axes.ravel():
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    for axis in axes[-1, :-1]:
        axis.set_xlabel("cheap                dear", fontsize=8.5)
    axes[-1, -1].set_xlabel(f"hour, {told.timezone}", fontsize=8.5)
    more = len(told.regions) - len(told.drawn)
    left_out = f"; the {len(told.drawn)} of {len(told.regions)} regions with most deferrable work" if more else ""
    figure.suptitle(
        f"{told.scenario}: how much of the GPUs that requests leave free run deferrable work [%]\n"
        f"across: share of the coming day that is cheaper than now; up: surplus sun, wind and river; "
        f"empty: hardly ever met. {told.episodes} validation episodes{left_out}",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    handles, labels = axes[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=len(labels), frameon=False, fontsize=8.5)


def draw_fields(told: Explanation, path: Path) -> None:
    """Draws the most important fields of each agent, with their intervals, to `path`, a PNG.

    Raises:
        ConfigError: the path cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(style()):
        figure = Figure(figsize=(max(LEAST_INCHES, 0.4 + 5.4 * len(told.agents)), 5.6))
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.05)
        axes = figure.subplots(1, len(told.agents), squeeze=False, sharex=True)[0]
        for axis, agent in zip(axes, told.agents, strict=True):
            _draw_agent(axis, agent)
        figure.suptitle(
            f"{told.scenario}: saving lost where an agent sees a field of another episode instead of its own\n"
            f"percentage points of {FLOOR}'s cost; {told.episodes} validation episodes, 95 % intervals",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), frameon=False, fontsize=8.5)
        save(figure, path)


def _draw_agent(axis: Axes, agent: Agent) -> None:
    shown = agent.top_fields
    place = np.arange(len(shown), dtype=np.float64)
    series = (
        (-0.2, ANY, "of another episode at another hour", [worth.any_step for worth in shown]),
        (0.2, SAME, "of another episode at the same hour", [worth.same_step for worth in shown]),
    )
    for offset, colour, label, found in series:
        value = 100 * np.array([each.value for each in found])
        ends = 100 * np.array([(each.low, each.high) for each in found]).T
        reach = np.maximum(np.abs(ends - value), 0.0)
        axis.barh(place + offset, value, 0.38, color=colour, label=label)
        axis.errorbar(value, place + offset, xerr=reach, fmt="none", ecolor=INK, elinewidth=0.9, capsize=2)
    axis.set_yticks(place, [worth.field for worth in shown], fontsize=9)
    axis.invert_yaxis()
    axis.axvline(0.0, color=INK, lw=0.8)
    axis.grid(axis="x", color=FAINT, lw=0.4)
    axis.set_axisbelow(True)
    axis.tick_params(colors=INK, length=0)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.set_xlabel("saving lost [percentage points]")
    axis.set_title(
        f"{agent.name}, {agent.seeds} training seeds: saves {100 * agent.saving:.1f} %",
        fontsize=10,
        fontweight="bold",
        loc="left",
    )
