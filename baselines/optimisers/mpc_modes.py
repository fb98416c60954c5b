"""Turns planned work into modes: each region takes the mode whose dispatch comes closest to the plan."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.present_jobs import movable, per_region
from wattward.envs.decisions.action import Mode
from wattward.envs.model import site_model
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

WAKES, PULLS = (np.arange(len(Mode))[:, None] >= mode for mode in (Mode.RUN, Mode.PULL))
"""Two masks over the modes, shape (4, 1).

The first marks the modes that wake GPUs for waiting work and then run it. The second marks those of them that also take
work from other regions.
"""


class Weights(NamedTuple):
    """Weights of the penalties on a mode. One GPU more or fewer than planned has weight 1."""

    mix: float
    """Weight of a GPU that works for the wrong queue."""
    over: float
    """Weight of a GPU beyond the planned peak. It has its own weight because a single step can set the peak."""


class _Choice(NamedTuple):
    """What each mode does in each region, shape (4, R), and the limits of the regions, shape (R,)."""

    own: Floats  # (4, R) GPUs that work for the region's own queue
    spare: Floats  # (4, R) GPUs that would be left for work of other regions
    room: Floats  # (R,) GPUs that may work below the planned peak
    waiting: Floats  # (R,) GPUs that the queue could use
    kept: Floats  # (4, R) GPUs kept awake for deferrable work in the next step, without the headroom
    idle_share: Floats  # (R,) power of an idle awake GPU / power of a busy GPU, both above that of a sleeping GPU


def nearest_modes(outlook: Outlook, own_gpus: Floats, pulled_gpus: Floats, peak_kw: Floats, weights: Weights) -> Modes:
    """Chooses the modes region by region, starting with the cheapest region, as the dispatcher does when they pull.

    Args:
        outlook: the present step.
        own_gpus: GPUs that should work for the region's own queue now, shape (R,).
        pulled_gpus: GPUs that should work for the queues of other regions now, shape (R,).
        peak_kw: grid power that the plan does not exceed, shape (R,). A mode that exceeds it is penalised.
        weights: weights of the penalties.
    """
    choice, regions = _choices(outlook, peak_kw), np.arange(outlook.n_regions)
    target = own_gpus + pulled_gpus
    first = _miss(choice, choice.own, _later(choice, 0.0), target) + weights.over * _above(choice.own, choice.room)
    modes = np.argmin(first[: Mode.PULL], axis=0)
    waiting = choice.waiting - choice.own[modes, regions]
    for r in np.argsort(outlook.price_per_kwh * outlook.pue, kind="stable"):
        others = max(0.0, float(waiting.sum() - waiting[r]))
        taken = np.minimum(choice.spare, others)
        done = choice.own + taken
        miss = _miss(choice, done, _later(choice, others), target) + weights.mix * np.abs(taken - pulled_gpus)
        modes[r] = int(np.argmin((miss + weights.over * _above(done, choice.room))[:, r]))
        share = taken[modes[r], r] / others if others > 0 else 0.0
        waiting = np.where(regions == r, choice.waiting - choice.own[modes[r], r], waiting * (1.0 - share))
    return modes.astype(np.int64)


def _later(choice: _Choice, others: float) -> Floats:
    """GPUs at work in the next step under the same mode, after the GPUs to be kept awake have woken, shape (4, R).

    Args:
        choice: what the modes do now.
        others: GPUs that the work waiting in other regions could use.
    """
    wanted = choice.waiting + np.where(PULLS, others, 0.0)
    return np.where(WAKES, np.maximum(choice.own, np.minimum(wanted, choice.kept)), choice.own)


def _miss(choice: _Choice, done: Floats, later: Floats, target: Floats) -> Floats:
    """Deviation of each mode from the plan in GPUs, shape (4, R).

    Where GPUs sleep, it is the mean of the deviations in this step and the next; elsewhere it is that of this step.
    GPUs that a mode would keep awake beyond those at work or planned are added, weighted by their idle power.
    """
    later = np.where(choice.idle_share == 0.0, done, later)
    off = 0.5 * (np.abs(done - target) + np.abs(later - target))
    idle: Floats = choice.idle_share * np.maximum(0.0, choice.kept - np.maximum(done, target))
    return off + idle


def _choices(outlook: Outlook, peak_kw: Floats) -> _Choice:
    jobs, may = outlook.jobs, movable(outlook)
    usable = np.minimum(jobs.gpus, jobs.expected_gpu_h / outlook.step_h)
    wanted = per_region(outlook, np.where(may, np.where(jobs.malleable, usable, jobs.gpus), 0.0))
    due = per_region(outlook, np.where(may & (jobs.slack_h < outlook.step_h), jobs.gpus, 0.0))
    free, nothing = outlook.free_gpus, np.zeros(outlook.n_regions)
    sunny = np.minimum(free, due + sunny_gpus(outlook, due))
    own = np.minimum(np.stack([due, sunny, wanted, wanted]), np.minimum(wanted, free))
    spare = np.stack([nothing, np.maximum(0.0, sunny - own[Mode.SOAK]), nothing, free - own[Mode.PULL]])
    room = gpus_below(outlook, np.maximum(peak_kw, outlook.site_state["peak_kw"]))
    return _Choice(own, spare, room, wanted, _kept_awake(outlook, own, wanted), _idle_share(outlook))


def _kept_awake(outlook: Outlook, own: Floats, wanted: Floats) -> Floats:
    """GPUs that each mode keeps awake for deferrable work, without locked GPUs, shape (4, R).

    See `kernels.supply.wake`.

    SOAK and PULL keep as many awake as the work present in all regions could use.
    """
    site = outlook.site_power
    busy = outlook.interactive_forecast_gpus[0] + outlook.locked_gpus
    most = np.maximum(0.0, site.fleet_gpus - busy - np.minimum(site.headroom_gpus, site.fleet_gpus))
    anywhere = (wanted + outlook.locked_gpus).sum() - outlook.locked_gpus
    kept: Floats = np.minimum(np.stack([own[Mode.HOLD], anywhere, wanted, anywhere]), most)
    return kept


def _idle_share(outlook: Outlook) -> Floats:
    """Power of an idle GPU divided by that of a busy one, both above that of a resting one, shape (R,)."""
    busy_kw = np.maximum(outlook.kw_per_rested_gpu, 1e-9)
    share: Floats = np.where(site_model.sleeps(outlook.site_power), 1.0 - outlook.kw_per_gpu / busy_kw, 0.0)
    return share


def _above(gpus: Floats, room: Floats) -> Floats:
    """GPUs above the planned peak."""
    above: Floats = np.maximum(0.0, gpus - room)
    return above


def sunny_gpus(outlook: Outlook, due_gpus: Floats) -> Floats:
    """GPUs that surplus power covers now, after requests, locked work and due work, shape (R,). SOAK runs this many."""
    site = outlook.site_power
    load_kw = outlook.load_kw + site_model.kw_per_awake_gpu(site, outlook.pue) * due_gpus
    surplus_kw = site_model.surplus_kw(outlook.green_forecast_kw[0], load_kw)
    sunny: Floats = surplus_kw / np.maximum(site_model.kw_per_awake_gpu(site, outlook.pue), 1e-9)
    return sunny


def gpus_below(outlook: Outlook, grid_kw: Floats) -> Floats:
    """GPUs, without locked ones, that deferrable jobs may use before grid power exceeds `grid_kw`, shape (R,)."""
    supply_kw = outlook.green_forecast_kw[0] + outlook.direct_forecast_kw[0] + outlook.contract_forecast_kw[0]
    below: Floats = (grid_kw + supply_kw - outlook.base_kw) / np.maximum(outlook.kw_per_gpu, 1e-9)
    return below
