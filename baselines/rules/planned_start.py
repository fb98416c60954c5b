"""Rules that plan the start of each job once, at its arrival."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, NamedTuple

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import by_time, hours_to_end, per_region, voters
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

Signal = Literal["cost", "carbon"]


def signal(outlook: Outlook, kind: Signal) -> Floats:
    """Cost or carbon of a GPU-hour of each region's waiting work by lead, shape (L, R).

    "cost" is price x added net power [currency/GPU-h]; "carbon" is grid intensity x added facility power
    [kg/GPU-h]. Both are zero for the share of the waiting work that forecast surplus covers. The present PUE is used.
    """
    rate = outlook.price_forecast_per_kwh if kind == "cost" else outlook.carbon_forecast_kg_per_kwh
    wanted = per_region(outlook, np.where(voters(outlook), outlook.jobs.gpus, 0.0))
    wanted = np.clip(wanted, 1.0, np.maximum(1.0, outlook.free_gpus))
    from_grid = 1.0 - np.minimum(1.0, outlook.surplus_forecast_gpus / wanted)
    amount: Floats = rate * outlook.kw_per_rested_gpu * from_grid
    return amount


class JobSteps(NamedTuple):
    """Steps that jobs need and have. The forecast horizon and the end of the episode are deadlines too."""

    needed: Ints  # (A,) run time by the estimate [steps], at least 1
    left: Ints  # (A,) time until the deadline [steps], 1..L


def job_steps(outlook: Outlook) -> JobSteps:
    """Run times and deadlines of the jobs present."""
    jobs, step_h = outlook.jobs, outlook.step_h
    left_h = np.minimum(jobs.hours_to_deadline, hours_to_end(outlook))
    needed = np.ceil(jobs.expected_gpu_h / (jobs.gpus * step_h) - 1e-9)
    left = np.clip(np.floor(left_h / step_h + 1e-9), 1, outlook.n_leads)
    return JobSteps(np.maximum(1, needed.astype(np.int64)), left.astype(np.int64))


def window_totals(outlook: Outlook, rate: Floats) -> Floats:
    """Sum of `rate` (L, R) over the steps of each job if it starts at lead s, shape (A, L); inf if it may not.

    A job may always start now, even if it cannot finish before its deadline.
    """
    need, left = job_steps(outlook)
    n_leads = rate.shape[0]
    sums = np.vstack([np.zeros(outlook.n_regions), np.cumsum(rate, axis=0)])
    start = np.arange(n_leads)[None, :]
    end = np.minimum(start + need[:, None], n_leads)
    region = outlook.jobs.region[:, None]
    totals = sums[end, region] - sums[start, region]
    may_start = (start + need[:, None] <= left[:, None]) | (start == 0)
    return np.where(may_start, totals, np.inf)


UNPLANNED = -1


class PlannedStart(Rule):
    """A job votes to run from its planned start, set when the job is first seen. Before that it votes for SOAK.

    With `signal` "cost" plans follow the marginal cost of power, with "carbon" its carbon. `reset` deletes all plans.
    """

    def __init__(self, name: str, signal: Signal = "cost") -> None:
        self.signal: Signal = signal
        self.name = name if signal == "cost" else f"{name}-{signal}"
        self._start_step = np.full(0, UNPLANNED)

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Deletes the plans of the last episode."""
        self._start_step = np.full(0, UNPLANNED)

    def act(self, outlook: Outlook) -> Modes:
        """RUN where most work runs or has reached its start, else SOAK."""
        now = outlook.jobs.running | (self._planned(outlook) <= outlook.step)
        return by_time(outlook, now, otherwise=Mode.SOAK)

    @abstractmethod
    def best_lead(self, outlook: Outlook, rate: Floats) -> Ints:
        """The lead at which each job should start by `rate` (L, R), shape (A,)."""

    def _planned(self, outlook: Outlook) -> Ints:
        number = outlook.jobs.number
        missing = int(number.max(initial=UNPLANNED)) + 1 - self._start_step.size
        if missing > 0:
            self._start_step = np.concatenate([self._start_step, np.full(missing, UNPLANNED)])
        new = self._start_step[number] == UNPLANNED
        if new.any():
            best = outlook.step + self.best_lead(outlook, signal(outlook, self.signal))
            self._start_step[number[new]] = best[new]
        planned: Ints = self._start_step[number]
        return planned
