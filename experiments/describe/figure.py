"""Draws a day of a scenario: one row for each region, with price, power, GPUs and queue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.envs.model.types import Floats
from wattward.experiments.common.plotting import (
    ASLEEP,
    DEFERRABLE,
    FAINT,
    INK,
    INTERACTIVE,
    LIMIT,
    PRESENT,
    SOURCES,
    WAITING,
    check_suffix,
    save,
    style,
)
from wattward.experiments.describe.typical_day import MOST_REGIONS, Day

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("price  [{currency}/kWh]", "power  [kW]", "GPUs at work", "queue  [GPU-h]")
LEGEND_COLUMNS = 4
ROW_INCHES, HEAD_INCHES, WIDTH_INCHES = 1.5, 1.35, 12.0
HOURS = (0, 6, 12, 18, 24)


def draw_day(day: Day, path: Path) -> None:
    """Draws a day to `path`, a PNG. At most `MOST_REGIONS` regions are drawn; the title counts the rest.

    Raises:
        ConfigError: the suffix is not .png, or the file cannot be written.
    """
    check_suffix(path, (".png",), "--out")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = min(MOST_REGIONS, day.scenario.n_regions)
    with mpl.rc_context(style()):
        figure = Figure(figsize=(WIDTH_INCHES, HEAD_INCHES + ROW_INCHES * rows))
        figure.set_layout_engine("constrained", w_pad=0.1)
        axes = figure.subplots(rows, len(COLUMNS), squeeze=False, sharex=True, width_ratios=(1.0, 1.35, 1.35, 1.0))
        for r in range(rows):
            _draw_region(axes[r], day, r)
        _share_price_axis(axes[:, 0], day, rows)
        _dress(figure, axes, day)
        save(figure, path)


def _draw_region(axes: Any, day: Day, r: int) -> None:  # noqa: ANN401 - an array of Axes
    edges = np.arange(len(day.load_kw) + 1, dtype=np.float64) * day.scenario.step_h
    price, power, gpus, queue = axes
    _line(price, edges, day.price_per_kwh[:, r], lw=1.8)
    _draw_power(power, edges, day, r)
    _draw_gpus(gpus, edges, day, r)
    _stack(queue, edges, {"present": day.queue_gpu_h[:, r]}, {"present": PRESENT})
    _stack(queue, edges, {"waiting": day.waiting_gpu_h[:, r]}, {"waiting": WAITING})
    if not day.queue_gpu_h[:, r].any():
        queue.text(0.5, 0.5, "empty", transform=queue.transAxes, ha="center", va="center", fontsize=9)
    for axis in (power, gpus, queue):
        axis.set_ylim(0, None if axis.dataLim.y1 > 0 else 1.0)
    name = day.scenario.regions[r].name
    price.text(0.0, 1.04, name, transform=price.transAxes, fontsize=10, fontweight="bold")


def _draw_power(axis: Axes, edges: Floats, day: Day, r: int) -> None:
    """Draws layers of all supply except the grid, and the load as a line. Supply above it is sold or curtailed."""
    supplies = {
        **{"river": day.hydro_kw + day.recovered_kw, "wind": day.wind_kw, "sun": day.sun_kw},
        **{"direct line": day.direct_kw, "contract": day.contract_kw, "stores": day.discharge_kw},
    }
    _stack(axis, edges, {name: kw[:, r] for name, kw in supplies.items()}, SOURCES)
    if (day.charge_kw[:, r] != 0).any() or (day.chilling_kw[:, r] != 0).any():
        _line(axis, edges, day.bare_load_kw[:, r], lw=1.0, ls=(0, (2, 1.5)), label="without stores")
    _line(axis, edges, day.load_kw[:, r], lw=1.6, label="load")
    if np.isfinite(day.cut_limit_kw[:, r]).any():
        axis.stairs(day.cut_limit_kw[:, r], edges, baseline=None, color=LIMIT, lw=2.2, label="cut to")


def _draw_gpus(axis: Axes, edges: Floats, day: Day, r: int) -> None:
    used = {"interactive": day.interactive_gpus[:, r], "deferrable": day.deferrable_gpus[:, r]}
    _stack(axis, edges, used, {"interactive": INTERACTIVE, "deferrable": DEFERRABLE})
    fleet = day.scenario.regions[r].fleet.gpus
    asleep = day.asleep_gpus[:, r]
    if asleep.any():
        full = np.full_like(asleep, fleet)
        axis.stairs(full, edges, baseline=full - asleep, fill=True, color=ASLEEP, label="asleep", lw=0)
    axis.axhline(fleet, color=INK, lw=1.0, ls=(0, (4, 2)), label="fleet")


def _line(axis: Axes, edges: Floats, values: Floats, **style: Any) -> None:  # noqa: ANN401 - matplotlib's own
    axis.stairs(values, edges, baseline=None, color=INK, **style)


def _stack(axis: Axes, edges: Floats, layers: dict[str, Floats], colours: Mapping[str, str]) -> None:
    base = np.zeros(len(edges) - 1)
    for label, values in layers.items():
        if values.any():
            axis.stairs(base + values, edges, baseline=base, fill=True, color=colours[label], label=label, lw=0)
        base = base + values


def _share_price_axis(axes: Any, day: Day, rows: int) -> None:  # noqa: ANN401 - an array of Axes
    drawn = day.price_per_kwh[:, :rows]
    low, high = min(0.0, float(drawn.min())), max(0.0, float(drawn.max()))
    room = 0.08 * ((high - low) or 1.0)
    for axis in axes:
        axis.set_ylim(low - (room if low < 0 else 0.0), high + room)
        if low < 0:
            axis.axhline(0.0, color=FAINT, lw=1.0, zorder=0)


def _dress(figure: Figure, axes: Any, day: Day) -> None:  # noqa: ANN401 - an array of Axes
    for axis in axes.flat:
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        axis.tick_params(colors=INK, labelsize=8, length=2)
        axis.set_xlim(0, len(day.load_kw) * day.scenario.step_h)
        axis.set_xticks(HOURS)
        axis.yaxis.set_major_formatter("{x:,g}")
        axis.grid(axis="x", color=FAINT, lw=0.4)
        axis.set_axisbelow(True)
    lines = max(_legend(axes[0, column], axes[:, column]) for column in range(1, len(COLUMNS)))
    for axis, title in zip(axes[0], COLUMNS, strict=True):
        heading = title.format(currency=day.scenario.currency)
        axis.set_title(heading, fontsize=10, loc="left", pad=8 + 14 * lines)
    for axis in axes[-1]:
        axis.set_xlabel(f"hour, {day.scenario.timezone}", fontsize=8)
    figure.suptitle(_title(day, len(axes)), x=0.01, ha="left", fontsize=11)


def _legend(top: Axes, column: Any) -> int:  # noqa: ANN401 - an array of Axes
    """Draws one legend for a column, above it; returns the number of its lines."""
    found = {label: handle for axis in column for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    order = [name for name in (*SOURCES, *found) if name in found]
    names = list(dict.fromkeys(order))
    top.legend(
        [found[name] for name in names],
        names,
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.985),
        ncols=LEGEND_COLUMNS,
        frameon=False,
        fontsize=8,
        handlelength=1.2,
        columnspacing=1.0,
        borderpad=0.1,
    )
    return -(-len(names) // LEGEND_COLUMNS)


def _title(day: Day, rows: int) -> str:
    left_out = day.scenario.n_regions - rows
    more = f"; {left_out:,} more regions not drawn" if left_out else ""
    return f"{day.scenario.name}: {day.start:%A %Y-%m-%d}, all work runs on arrival{more}\n{day.about}"
