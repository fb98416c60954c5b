"""Pictures of one environment: a few lines of text, or an image, for which alone matplotlib is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wattward.envs.model.types import Flows
from wattward.envs.policy.outlook import Outlook

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR = 24
"""Characters of a full fleet in a text bar."""
COLOURS = {"interactive": "#4c6ef5", "deferrable": "#f59f00", "price": "#343a40", "green": "#2f9e44"}


def as_text(outlook: Outlook, flows: Flows, kpis: dict[str, float]) -> str:
    """The present step in a line a region: price, sun and wind, GPUs in use, queue.

    Args:
        outlook: What a policy sees now.
        flows: Flows of the last step (B = 1).
        kpis: KPIs of the episode so far.
    """
    head = f"{outlook.time:%a %Y-%m-%d %H:%M}  step {outlook.step}/{outlook.n_steps}"
    cost = f"{kpis['total_cost']:.0f} {currency_of(outlook)}"
    sums = f"{cost}, {kpis['green_share']:.0%} green, {kpis['late_gpu_h']:.1f} GPU-h late"
    return "\n".join([f"{head}  {sums}", *(_line(outlook, flows, r) for r in range(outlook.n_regions))]) + "\n"


def currency_of(outlook: Outlook) -> str:
    """Code of the currency of the scenario that is played."""
    return "" if outlook.scenario is None else outlook.scenario.currency


def _line(outlook: Outlook, flows: Flows, r: int) -> str:
    fleet = outlook.fleet_gpus[r]
    interactive = round(BAR * flows.interactive_gpus[0, r] / fleet)
    deferrable = min(BAR - interactive, round(BAR * flows.held_gpus[0, r] / fleet))
    bar = "#" * interactive + "=" * deferrable + "." * (BAR - interactive - deferrable)
    green, price = outlook.green_forecast_kw[0, r], outlook.price_per_kwh[r]
    power = f"{price:6.3f} {currency_of(outlook)}/kWh {green:5.0f} kW green {flows.grid_kw[0, r]:5.0f} kW grid"
    return f"{outlook.region_names[r]:>14.14} [{bar}] {power} {outlook.queue_gpu_h[r]:6.0f} GPU-h queued"


def as_image(outlook: Outlook, flows: Flows, kpis: dict[str, float]) -> NDArray[np.uint8]:
    """A picture of the present step and the next 24 hours, shape (height, width, 3).

    Args:
        outlook: What a policy sees now.
        flows: Flows of the last step (B = 1).
        kpis: KPIs of the episode so far.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    regions = range(outlook.n_regions)
    figure = Figure(figsize=(9.0, 1.2 + 2.1 * outlook.n_regions), dpi=80, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(outlook.n_regions, 2, squeeze=False, width_ratios=(1, 3))
    for r in regions:
        _draw_fleet(axes[r, 0], outlook, flows, r)
        _draw_ahead(axes[r, 1], outlook, r)
    figure.suptitle(
        f"{outlook.time:%a %Y-%m-%d %H:%M}   {kpis['total_cost']:,.0f} {currency_of(outlook)} so far, "
        f"{kpis['green_share']:.0%} green, {kpis['late_gpu_h']:.1f} GPU-h late",
        fontsize=10,
    )
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_fleet(axes: Axes, outlook: Outlook, flows: Flows, r: int) -> None:
    used = {"interactive": flows.interactive_gpus[0, r], "deferrable": flows.held_gpus[0, r]}
    bottom = 0.0
    for label, gpus in used.items():
        axes.bar(["GPUs in use"], [gpus], bottom=bottom, color=COLOURS[label], label=label)
        bottom += float(gpus)
    axes.bar(["queue [GPU-h]"], [outlook.queue_gpu_h[r]], color="#adb5bd")
    axes.axhline(outlook.fleet_gpus[r], color="#868e96", lw=0.8, ls="--")
    axes.set_ylim(0, max(outlook.fleet_gpus[r], outlook.queue_gpu_h[r]) * (1.45 if r == 0 else 1.15) + 1e-9)
    axes.set_title(outlook.region_names[r], fontsize=9, loc="left")
    axes.tick_params(labelsize=7)
    if r == 0:
        axes.legend(fontsize=6, frameon=False, loc="upper left", ncols=2)


def _draw_ahead(axes: Axes, outlook: Outlook, r: int) -> None:
    hours = np.arange(outlook.n_leads) * outlook.step_h
    axes.step(hours, outlook.price_forecast_per_kwh[:, r], where="post", color=COLOURS["price"], lw=1.2)
    axes.set_ylabel(f"{currency_of(outlook)}/kWh", fontsize=7, color=COLOURS["price"])
    axes.set_ylim(min(0.0, float(outlook.price_forecast_per_kwh.min())), None)
    axes.set_xlim(0, hours[-1])
    power = axes.twinx()
    power.fill_between(hours, outlook.green_forecast_kw[:, r], color=COLOURS["green"], alpha=0.3, lw=0)
    power.set_ylabel("forecast green kW", fontsize=7, color=COLOURS["green"])
    power.set_ylim(0, max(1.0, float(outlook.green_forecast_kw.max()) * 1.05))
    for one in (axes, power):
        one.tick_params(labelsize=7)
    if r == outlook.n_regions - 1:
        axes.set_xlabel("hours from now", fontsize=7)
