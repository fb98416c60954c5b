"""Flexible work runs within hourly limits that are set a day ahead."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.demand import N_SLACKS, items_to_come
from wattward.baselines.present_jobs import per_region
from wattward.baselines.rules.packing import pack
from wattward.baselines.rules.prices import marginal_rate
from wattward.baselines.rules.rule import JobRule
from wattward.envs.model import site_model
from wattward.envs.model.types import Floats
from wattward.envs.policy.orders import Orders
from wattward.envs.policy.outlook import Outlook

DAY_H = 24.0
PEAKS_TRIED = np.linspace(0.0, 1.0, 21)
"""Peaks of a curve that are tried, between that so far (0) and that of a full site (1)."""


class CapacityCurve(JobRule):
    """Once a day, each region sets hourly limits for flexible work that cost least; jobs run within them.

    Source: Radovanovic et al., "Carbon-Aware Computing for Datacenters", IEEE Transactions on Power Systems 2022:
    Google's virtual capacity curves. A day ahead, each cluster gets hourly limits on the resources of flexible work.
    They minimise the cost of carbon plus that of the daily peak of power, and let the day's expected work finish. The
    cluster's scheduler admits jobs within the limits and does not know why they are what they are. Work moves in time
    only.
    Transfer: the cost of carbon is the marginal cost of power; that of the peak is the demand charge, counted from the
    peak of the episode so far. The day's work is that of the jobs present and the expected arrivals. Limits are for
    steps, not hours. Jobs are admitted by deadline, running rigid jobs first. Due jobs run in any case.
    """

    name = "CapacityCurve"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Deletes the limits of the last episode."""
        self._limit_gpus, self._from_step = np.zeros((0, outlook.n_regions)), outlook.step

    def act(self, outlook: Outlook) -> Orders:
        """Runs jobs in their regions within the limits of this step."""
        if outlook.step - self._from_step >= len(self._limit_gpus):
            n_steps = max(1, min(round(DAY_H / outlook.step_h), outlook.n_leads, outlook.n_steps - outlook.step))
            self._limit_gpus, self._from_step = limits(outlook, n_steps), outlook.step
        room = np.maximum(0.0, self._limit_gpus[outlook.step - self._from_step] - outlook.locked_gpus)
        jobs = outlook.jobs
        return pack(outlook, np.ones(jobs.number.size, np.bool_), jobs.region[:, None], room).orders(outlook)


class Day(NamedTuple):
    """What a day's limits depend on."""

    work_gpu_h: Floats  # (R,) flexible work
    rate: Floats  # (N, R) cost of a GPU-hour
    room_gpus: Floats  # (N, R) GPUs that requests leave free
    base_kw: Floats  # (N, R) grid power without flexible work; negative where surplus is left


def limits(outlook: Outlook, n_steps: int) -> Floats:
    """Limits on the GPUs of flexible work in the coming steps, shape (N, R)."""
    day = _day(outlook, n_steps)
    kw_per_gpu, so_far_kw = np.maximum(outlook.kw_per_rested_gpu, 1e-9), outlook.site_state["peak_kw"]
    full_kw = np.maximum(so_far_kw, (day.base_kw + day.room_gpus * kw_per_gpu).max(axis=0))
    peaks_kw = so_far_kw + PEAKS_TRIED[:, None] * (full_kw - so_far_kw)
    best, best_cost = np.zeros(day.rate.shape), np.full(outlook.n_regions, np.inf)
    for peak_kw in peaks_kw:
        allowed = np.clip((peak_kw - day.base_kw) / kw_per_gpu, 0.0, day.room_gpus)
        used, limit = _cheapest_first(day, allowed, outlook.step_h)
        missing = np.maximum(0.0, day.work_gpu_h - used.sum(axis=0) * outlook.step_h)
        cost = (used * day.rate).sum(axis=0) * outlook.step_h
        cost += outlook.params.demand_charge_per_kw[0] * (peak_kw - so_far_kw)
        cost += missing * outlook.params.terminal_cost_per_gpu_h[0]
        better = cost < best_cost - 1e-9
        best, best_cost = np.where(better, limit, best), np.where(better, cost, best_cost)
    return best


def _cheapest_first(day: Day, allowed_gpus: Floats, step_h: float) -> tuple[Floats, Floats]:
    """GPUs that the day's work uses if it fills the cheapest steps, and the limits of these steps, both (N, R)."""
    order = np.argsort(day.rate, axis=0, kind="stable")
    sorted_gpus = np.take_along_axis(allowed_gpus, order, axis=0)
    before = np.cumsum(sorted_gpus, axis=0) - sorted_gpus
    used = np.zeros_like(day.rate)
    np.put_along_axis(used, order, np.clip(day.work_gpu_h / step_h - before, 0.0, sorted_gpus), axis=0)
    return used, np.where(used > 0.0, allowed_gpus, 0.0)


def _day(outlook: Outlook, n_steps: int) -> Day:
    """Forecasts of a day and its work."""
    present = per_region(outlook, outlook.jobs.expected_gpu_h)
    items = items_to_come(outlook, 1, n_steps)
    coming = np.bincount(items.group // N_SLACKS, weights=items.work_gpu_h, minlength=outlook.n_regions)
    site, in_order = outlook.site_power, outlook.gpus_in_order
    served = np.minimum(outlook.interactive_forecast_gpus[:n_steps], in_order)
    awake, at_work = site_model.kept_awake_gpus(site, served, in_order), site_model.serving_gpus(site, served)
    load_kw = site_model.base_kw(site, outlook.net_pue, outlook.fixed_kw, in_order, awake, at_work)
    return Day(
        work_gpu_h=present + coming,
        rate=marginal_rate(outlook)[:n_steps],
        room_gpus=in_order - served,
        base_kw=load_kw - outlook.green_forecast_kw[:n_steps],
    )
