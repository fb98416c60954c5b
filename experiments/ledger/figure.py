"""Draws hourly matching: sources of each region's load, curtailed power, and green shares."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.envs.accounting.matching import Balance, matched
from wattward.envs.accounting.supplies import PLANTS
from wattward.envs.model.types import Floats
from wattward.experiments.common.plotting import GREEN, INK, SOURCES, UNUSED, UNUSED_HATCH, check_suffix, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

COLOURS = {"hydro": SOURCES["river"], "direct": SOURCES["direct line"], **SOURCES}
"""Colours by the names of plants in a ledger."""
LONGEST_SERIES_H = 14 * 24
"""Longer series are drawn as daily means on the left. On the right every hour keeps its own square."""


def draw_matching(balance: Balance, title: str, path: Path) -> None:
    """Draws one row for each region: power by source with the load, and the green share of every hour.

    Raises:
        ConfigError: the suffix is not .png or .svg, the ledger holds no hour, or the folder cannot be written to.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    check_suffix(path)
    if not balance.hours:
        raise ConfigError(f"{path}: the ledger holds no hour to draw")
    n_regions = len(balance.regions)
    with mpl.rc_context(style(9.5)):
        figure = Figure(figsize=(12.0, 1.7 + 2.5 * n_regions), layout="constrained")
        said = ", ".join(f"{way.replace('_', ' ')} {share:.1%}" for way, share in matched(balance).items())
        figure.suptitle(f"{title}\nmatched load: {said}", x=0.01, ha="left", fontsize=11)
        axes = figure.subplots(n_regions, 2, squeeze=False, width_ratios=(2.4, 1))
        unit = "kW, mean of the " + ("hour" if len(balance.hours) <= LONGEST_SERIES_H else "day")
        for r, region in enumerate(balance.regions):
            _draw_supply(axes[r, 0], _series(balance, r), region, unit)
            squares = _draw_squares(axes[r, 1], balance, r)
        _legend(figure, axes[:, 0])
        bar = figure.colorbar(squares, ax=list(axes[:, 1]), aspect=30, pad=0.02, format=lambda share, _: f"{share:.0%}")
        bar.set_label("green share of the hour's load")
        save(figure, path, dpi=120)


def _legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Draws one legend for all regions, supplies first."""
    handles: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    labels = [name for name in (*PLANTS, "stores", "grid", "curtailed", "load") if name in handles]
    shown = [handles[name] for name in labels]
    figure.legend(shown, labels, loc="outside lower left", ncols=len(labels), frameon=False, fontsize=9)


class Series(NamedTuple):
    """Mean power of one region over N hours or days [kW]."""

    times: list[datetime]  # (N,) starts
    layers: dict[str, Floats]  # (N,) each, from the bottom up, without layers of zero
    load: Floats  # (N,)
    spare: Floats  # (N,) curtailed


def _draw_supply(axis: Axes, series: Series, title: str, unit: str) -> None:
    times, load = series.times, series.load
    edges: list[Any] = [*times, times[-1] + (times[-1] - times[-2] if len(times) > 1 else timedelta(hours=1))]
    base = np.zeros_like(load)
    for name, kw in series.layers.items():
        axis.stairs(base + kw, edges, baseline=base, fill=True, color=COLOURS[name], label=name)
        base = base + kw
    if series.spare.any():
        top = load + series.spare
        axis.stairs(
            top,
            edges,
            baseline=load,
            fill=True,
            facecolor=UNUSED,
            edgecolor=UNUSED_HATCH,
            hatch="////",
            label="curtailed",
        )
    axis.stairs(load, edges, baseline=None, color=INK, linewidth=1.2, label="load")
    axis.set_xlim(edges[0], edges[-1])
    axis.set_ylim(0.0, float((load + series.spare).max()) * 1.08 + 1e-9)
    axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axis.set_ylabel(unit)
    _dates(axis)


def _series(balance: Balance, r: int) -> Series:
    """Power by hour, or by day for long series."""
    load = balance.load_kwh[:, r] + balance.stores_kwh[:, r]
    layers = {plant: balance.delivered_kwh[:, r, p] for p, plant in enumerate(PLANTS)}
    layers["stores"] = balance.stores_kwh[:, r]
    layers["grid"] = np.maximum(0.0, load - sum(layers.values()))
    hours = [hour.replace(tzinfo=None) for hour in balance.hours]
    starts = hours if len(hours) <= LONGEST_SERIES_H else [hour.replace(hour=0) for hour in hours]
    times = sorted(set(starts))
    place = np.searchsorted(np.array(times), np.array(starts))
    count = np.bincount(place)

    def mean(kwh: Floats) -> Floats:
        return np.bincount(place, kwh) / count

    drawn = {name: mean(kwh) for name, kwh in layers.items() if kwh.any()}
    return Series(times, drawn, mean(load), mean(balance.curtailed_kwh[:, r].sum(axis=1)))


def _draw_squares(axis: Axes, balance: Balance, r: int) -> AxesImage:
    """Draws the green share of each hour: days across, hours down. Hours without load stay white."""
    hours, load = balance.hours, balance.load_kwh[:, r]
    used = balance.delivered_kwh[:, r].sum(axis=1)
    first = hours[0].date()
    day = np.array([(hour.date() - first).days for hour in hours])
    squares = np.full((24, int(day[-1]) + 1), np.nan)
    share = np.divide(used, load, out=np.full_like(load, np.nan), where=load > 0.0)
    squares[np.array([hour.hour for hour in hours]), day] = share
    image = axis.imshow(squares, aspect="auto", cmap=GREEN, vmin=0.0, vmax=1.0, interpolation="nearest")
    axis.set_yticks([-0.5, 5.5, 11.5, 17.5, 23.5], ["0", "6", "12", "18", "24"])
    axis.set_ylabel(f"hour, {hours[0].tzname()}")
    ticks = np.unique(np.linspace(0, squares.shape[1] - 1, 4).round().astype(int))
    axis.set_xticks(ticks, [f"{first + timedelta(days=int(tick)):%d %b}" for tick in ticks])
    mean = float(used.sum() / load.sum()) if load.sum() > 0.0 else 0.0
    axis.set_title(f"{mean:.1%} of the load is green in its own hour", loc="left", fontsize=10)
    return image


def _dates(axis: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=8)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.tick_params(colors=INK)
