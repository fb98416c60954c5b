"""Flexible work runs under a curve of capacity that is set a day ahead."""

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
    """Once a day each region is given hours for flexible work: the cheapest that a day's work needs; else it soaks.

    Source: Radovanovic et al., "Carbon-Aware Computing for Datacenters", IEEE Transactions on Power Systems 2022:
    Google sets virtual capacity curves a day ahead, by cluster and hour, that keep flexible work out of hours of dirty
    power while the day's work still gets done.
    Transfer: the curve is full or empty, as a mode is; a day's work is what waits and what the scenario's law lets
    expect. The signal is the marginal cost of power. Source and curve move work in time only.
    """

    name = "CapacityCurve"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Forgets the last episode's curve."""
        self._curve = np.ones((0, outlook.n_regions), dtype=np.bool_)
        self._from_step = outlook.step

    def act(self, outlook: Outlook) -> Modes:
        """RUN in the hours of the curve, SOAK in others."""
        if outlook.step - self._from_step >= self._curve.shape[0]:
            n_steps = max(1, min(round(DAY_H / outlook.step_h), outlook.n_leads, outlook.n_steps - outlook.step))
            self._curve, self._from_step = open_steps(outlook, n_steps), outlook.step
        now = self._curve[outlook.step - self._from_step]
        return finish(outlook, np.where(now, np.int64(Mode.RUN), np.int64(Mode.SOAK)))


def expected_gpu_h(outlook: Outlook, n_steps: int) -> Floats:
    """Work that is expected to arrive in the coming steps, shape (R,)."""
    items = items_to_come(outlook, 1, n_steps)
    total = np.bincount(items.group // N_SLACKS, weights=items.work_gpu_h, minlength=outlook.n_regions)
    return total.astype(np.float64)


def open_steps(outlook: Outlook, n_steps: int) -> NDArray[np.bool_]:
    """The cheapest of the coming steps whose free GPU-hours hold the work that waits and is expected, shape (N, R)."""
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
