"""From planned work to modes: each region takes the mode whose dispatch does nearest to the plan."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.voting import per_region, voters
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

MIX = 0.5
"""How much a GPU at the wrong queue counts beside one too many or too few; from 0 to 0.6 scores are alike."""
OVER = 3.0
"""How much a GPU beyond the planned peak counts beside one off the plan: a single step sets the peak."""


class _Choice(NamedTuple):
    """GPUs at work for the region's own queue by mode (4, R), and what limits the regions (R,)."""

    own: Floats
    spare: Floats  # (4, R) that would be left for others' work
    room: Floats  # below the planned peak
    waiting: Floats  # that the queue could use


def nearest_modes(outlook: Outlook, own_gpus: Floats, pulled_gpus: Floats, peak_kw: Floats) -> Modes:
    """Modes region by region, the cheapest first, as the dispatcher lets them pull.

    Args:
        outlook: the present step.
        own_gpus: that should work for the region's own queue now, shape (R,).
        pulled_gpus: that should work for others', shape (R,).
        peak_kw: grid power that the plan does not pass, shape (R,); what passes it counts against a mode.
    """
    choice, regions = _choices(outlook, peak_kw), np.arange(outlook.n_regions)
    target = own_gpus + pulled_gpus
    first = np.abs(choice.own[: Mode.PULL] - target) + _over(choice.own[: Mode.PULL], choice.room)
    modes = np.argmin(first, axis=0)
    waiting = choice.waiting - choice.own[modes, regions]
    for r in np.argsort(outlook.price_per_kwh * outlook.pue, kind="stable"):
        others = max(0.0, float(waiting.sum() - waiting[r]))
        taken = np.minimum(choice.spare[:, r], others)
        done = choice.own[:, r] + taken
        miss = np.abs(done - target[r]) + MIX * np.abs(taken - pulled_gpus[r]) + _over(done, choice.room[r])
        modes[r] = int(np.argmin(miss))
        share = taken[modes[r]] / others if others > 0 else 0.0
        waiting = np.where(regions == r, choice.waiting - choice.own[modes[r], r], waiting * (1.0 - share))
    return modes.astype(np.int64)


def _choices(outlook: Outlook, peak_kw: Floats) -> _Choice:
    jobs, may = outlook.jobs, voters(outlook)
    usable = np.minimum(jobs.gpus, jobs.expected_gpu_h / outlook.step_h)
    wanted = per_region(outlook, np.where(may, np.where(jobs.malleable, usable, jobs.gpus), 0.0))
    due = per_region(outlook, np.where(may & (jobs.slack_h < outlook.step_h), jobs.gpus, 0.0))
    free, nothing = outlook.free_gpus, np.zeros(outlook.n_regions)
    sunny = np.minimum(free, due + outlook.surplus_forecast_kw[0] / np.maximum(outlook.kw_per_gpu, 1e-9))
    own = np.minimum(np.stack([due, sunny, wanted, wanted]), np.minimum(wanted, free))
    spare = np.stack([nothing, np.maximum(0.0, sunny - own[Mode.SOAK]), nothing, free - own[Mode.PULL]])
    return _Choice(own, spare, _gpus_below(outlook, peak_kw), wanted)


def _over(gpus: Floats, room: Floats) -> Floats:
    """What passes the planned peak, in GPUs, weighted."""
    above: Floats = OVER * np.maximum(0.0, gpus - room)
    return above


def _gpus_below(outlook: Outlook, peak_kw: Floats) -> Floats:
    """GPUs that may work for deferrable jobs, locked ones aside, before the grid passes `peak_kw`, shape (R,)."""
    p, sites = outlook.params, outlook.site_state
    kw_per_gpu = np.maximum(outlook.kw_per_gpu, 1e-9)
    base_kw = outlook.pue * p.gpu_idle_kw[0] * outlook.fleet_gpus + outlook.fixed_kw
    base_kw = base_kw + kw_per_gpu * (outlook.interactive_forecast_gpus[0] + outlook.locked_gpus)
    supply_kw = outlook.green_forecast_kw[0] + outlook.direct_forecast_kw[0] + outlook.contract_forecast_kw[0]
    below: Floats = (np.maximum(peak_kw, sites["peak_kw"]) + supply_kw - base_kw) / kw_per_gpu
    return below
