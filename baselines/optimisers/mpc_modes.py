"""From planned work to modes: each region takes the mode whose dispatch does nearest to the plan."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.rules.voting import per_region, voters
from wattward.envs.decisions.action import Mode
from wattward.envs.model import site_model
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class Weights(NamedTuple):
    """What counts against a mode beside a GPU too many or too few."""

    mix: float
    """How much a GPU at the wrong queue counts."""
    over: float
    """How much a GPU beyond the planned peak counts: a single step sets the peak."""


class _Choice(NamedTuple):
    """GPUs at work for the region's own queue by mode (4, R), and what limits the regions (R,)."""

    own: Floats
    spare: Floats  # (4, R) that would be left for others' work
    room: Floats  # below the planned peak
    waiting: Floats  # that the queue could use


def nearest_modes(outlook: Outlook, own_gpus: Floats, pulled_gpus: Floats, peak_kw: Floats, weights: Weights) -> Modes:
    """Modes region by region, the cheapest first, as the dispatcher lets them pull.

    Args:
        outlook: the present step.
        own_gpus: that should work for the region's own queue now, shape (R,).
        pulled_gpus: that should work for others', shape (R,).
        peak_kw: grid power that the plan does not pass, shape (R,); what passes it counts against a mode.
        weights: what counts how much.
    """
    choice, regions = _choices(outlook, peak_kw), np.arange(outlook.n_regions)
    target = own_gpus + pulled_gpus
    first = np.abs(choice.own[: Mode.PULL] - target) + weights.over * _above(choice.own[: Mode.PULL], choice.room)
    modes = np.argmin(first, axis=0)
    waiting = choice.waiting - choice.own[modes, regions]
    for r in np.argsort(outlook.price_per_kwh * outlook.pue, kind="stable"):
        others = max(0.0, float(waiting.sum() - waiting[r]))
        taken = np.minimum(choice.spare[:, r], others)
        done = choice.own[:, r] + taken
        miss = np.abs(done - target[r]) + weights.mix * np.abs(taken - pulled_gpus[r])
        miss = miss + weights.over * _above(done, choice.room[r])
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
    sunny = np.minimum(free, due + sunny_gpus(outlook, due))
    own = np.minimum(np.stack([due, sunny, wanted, wanted]), np.minimum(wanted, free))
    spare = np.stack([nothing, np.maximum(0.0, sunny - own[Mode.SOAK]), nothing, free - own[Mode.PULL]])
    return _Choice(own, spare, gpus_below(outlook, np.maximum(peak_kw, outlook.site_state["peak_kw"])), wanted)


def _above(gpus: Floats, room: Floats) -> Floats:
    """What passes the planned peak, in GPUs."""
    above: Floats = np.maximum(0.0, gpus - room)
    return above


def sunny_gpus(outlook: Outlook, due_gpus: Floats) -> Floats:
    """GPUs that surplus covers now beside requests, locked and due work, shape (R,): what SOAK goes by."""
    site = outlook.site_power
    load_kw = outlook.load_kw + site_model.kw_per_awake_gpu(site, outlook.pue) * due_gpus
    surplus_kw = site_model.surplus_kw(outlook.green_forecast_kw[0], load_kw)
    sunny: Floats = surplus_kw / np.maximum(site_model.kw_per_awake_gpu(site, outlook.pue), 1e-9)
    return sunny


def gpus_below(outlook: Outlook, grid_kw: Floats) -> Floats:
    """GPUs that may work for deferrable jobs, locked ones aside, before the grid gives more than `grid_kw`, (R,)."""
    supply_kw = outlook.green_forecast_kw[0] + outlook.direct_forecast_kw[0] + outlook.contract_forecast_kw[0]
    below: Floats = (grid_kw + supply_kw - outlook.base_kw) / np.maximum(outlook.kw_per_gpu, 1e-9)
    return below
