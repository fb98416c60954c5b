"""Flexible work runs within capacity curves that are set a day ahead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattward.baselines.demand import N_SLACKS, items_to_come
from wattward.baselines.rules.planned_start import signal
from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import finish, free_gpu_h, per_region, voters
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

DAY_H = 24.0


class CapacityCurve(Rule):
    """Once a day, each region selects the cheapest hours that suffice for a day's work. It RUNs then, else it SOAKs.

    Source: Radovanovic et al., "Carbon-Aware Computing for Datacenters", IEEE Transactions on Power Systems 2022:
    Google sets hourly capacity limits for each cluster a day ahead. They keep flexible work out of hours with dirty
    power and still let the day's work finish. Transfer: the limit is full or zero, because a region has one mode. A
    day's work is the waiting work plus the expected arrivals. The signal is the marginal cost of power. Work moves in
    time only, as in the source.
    """

    name = "CapacityCurve"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Deletes the curve of the last episode."""
        self._curve = np.ones((0, outlook.n_regions), dtype=np.bool_)
        self._from_step = outlook.step

    def act(self, outlook: Outlook) -> Modes:
        """RUN in the hours of the curve, SOAK in all others."""
        if outlook.step - self._from_step >= self._curve.shape[0]:
            n_steps = max(1, min(round(DAY_H / outlook.step_h), outlook.n_leads, outlook.n_steps - outlook.step))
            self._curve, self._from_step = open_steps(outlook, n_steps), outlook.step
        now = self._curve[outlook.step - self._from_step]
        return finish(outlook, np.where(now, np.int64(Mode.RUN), np.int64(Mode.SOAK)))


def expected_gpu_h(outlook: Outlook, n_steps: int) -> Floats:
    """Expected work of arrivals in the coming steps, shape (R,) [GPU-h]."""
    items = items_to_come(outlook, 1, n_steps)
    total = np.bincount(items.group // N_SLACKS, weights=items.work_gpu_h, minlength=outlook.n_regions)
    return total.astype(np.float64)


def open_steps(outlook: Outlook, n_steps: int) -> NDArray[np.bool_]:
    """The cheapest coming steps whose free GPU-hours suffice for waiting and expected work, shape (N, R)."""
    rate = signal(outlook, "cost")[:n_steps]
    jobs = outlook.jobs
    work = per_region(outlook, np.where(voters(outlook), jobs.expected_gpu_h, 0.0)) + expected_gpu_h(outlook, n_steps)
    leads_h = (np.arange(1, n_steps + 1) * outlook.step_h).astype(np.float64)
    room = np.diff(free_gpu_h(outlook, leads_h), axis=0, prepend=0.0)
    opened = np.zeros(rate.shape, dtype=np.bool_)
    for r in range(rate.shape[1]):
        order = np.argsort(rate[:, r], kind="stable")
        before = np.cumsum(room[order, r]) - room[order, r]
        opened[order, r] = before < work[r]
    return opened
