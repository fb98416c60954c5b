"""The present step of one environment as text: the decisions of regions, and the lines for `render`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattward.envs.decisions.action import Mode
from wattward.envs.model.layout import Rows
from wattward.envs.model.types import Flows
from wattward.envs.policy.outlook import Outlook

BAR = 15
"""Characters of a text bar that stands for the full fleet."""
COLUMNS = {"GPU-h": 7, "/kWh": 6, "load kW": 7, "grid": 6, "green": 6}
"""Headings of the numbers in a line of text, with their widths: waiting work, price now, and power."""


def decision_levels(regions: Rows, ordered: bool) -> NDArray[np.int64]:
    """The mode of each region in the last step, or the mode nearest to its shares.

    Under orders for jobs it is RUN in a region in which jobs were told to run, else HOLD.

    Args:
        regions: Rows of REGION, shape (R,).
        ordered: Whether the decision of the last step was orders for jobs.

    Returns:
        Values of `Mode`, shape (R,).
    """
    if ordered:
        return np.where(regions["asked_gpus"] > 0.0, Mode.RUN, Mode.HOLD).astype(np.int64)
    own, others = regions["own_share"] >= 0.5, regions["others_share"] >= 0.5
    nearest = np.where(others, Mode.PULL, np.where(own, Mode.RUN, Mode.HOLD))
    return np.where(regions["surplus_only"], Mode.SOAK, nearest).astype(np.int64)


def decision_words(regions: Rows, ordered: bool) -> list[str]:
    """The decision of each region in the last step: a mode's name, or shares for own and others' work ("90% + 50%").

    Under orders it is "jobs" in a region in which jobs were told to run, else "none". The arguments are those of
    `decision_levels`.
    """
    levels = decision_levels(regions, ordered).tolist()
    if ordered:
        return ["jobs" if level == Mode.RUN else "none" for level in levels]
    return [
        _word(Mode(level), *map(float, shares))
        for level, *shares in zip(levels, regions["own_share"], regions["others_share"], strict=True)
    ]


def _word(nearest: Mode, own: float, others: float) -> str:
    if own in (0.0, 1.0) and others in (0.0, 1.0):
        return nearest.name
    return f"{own:.0%} + {others:.0%}"


def as_text(outlook: Outlook, flows: Flows, kpis: dict[str, float], regions: Rows, ordered: bool) -> str:
    """The present step as text, with a line of at most 80 columns for each region.

    A line holds decision, GPUs in use, queue, price and power.

    Args:
        outlook: What a policy sees now.
        flows: Flows of the last step (B = 1).
        kpis: KPIs of the episode so far.
        regions: Rows of REGION after the last step, shape (R,).
        ordered: Whether the decision of the last step was orders for jobs.
    """
    time = f"{outlook.time:%a %Y-%m-%d %H:%M}  {outlook.step}/{outlook.n_steps}"
    cost = f"{kpis['total_cost']:,.0f} {outlook.scenario.currency}"
    sums = f"{cost}, {kpis['green_share']:.0%} green, {kpis['late_gpu_h']:.1f} GPU-h late"
    columns = " ".join(f"{name:>{width}}" for name, width in COLUMNS.items())
    head = f"{'region':12} does {'#requests =work':{BAR + 2}} {columns}"
    words = [word if len(word) <= 4 else "part" for word in decision_words(regions, ordered)] if outlook.step else None
    lines = [_line(outlook, flows, r, "-" if words is None else words[r]) for r in range(outlook.n_regions)]
    return "\n".join([f"{time}  {sums}", head, *lines]) + "\n"


def _line(outlook: Outlook, flows: Flows, r: int, word: str) -> str:
    fleet = outlook.fleet_gpus[r]
    interactive = round(BAR * flows.interactive_gpus[0, r] / fleet)
    deferrable = min(BAR - interactive, round(BAR * flows.held_gpus[0, r] / fleet))
    bar = "#" * interactive + "=" * deferrable + "." * (BAR - interactive - deferrable)
    load_kw = flows.it_kw[0, r] + flows.cooling_kw[0, r] + flows.wan_kw[0, r] + flows.charge_kw[0, r]
    numbers = (
        f"{outlook.queue_gpu_h[r]:.0f}",
        f"{outlook.price_per_kwh[r]:.3f}",
        *(f"{kw:.0f}" for kw in (load_kw, flows.grid_kw[0, r], outlook.green_forecast_kw[0, r])),
    )
    columns = " ".join(f"{number:>{width}}" for number, width in zip(numbers, COLUMNS.values(), strict=True))
    return f"{outlook.region_names[r]:12.12} {word:4} [{bar}] {columns}"
