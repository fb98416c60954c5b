"""Plans of jobs: when they can start, what a start costs, and the base class of rules that plan each job once."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.baselines.present_jobs import hours_to_end
from wattward.baselines.rules.memory import ByJob
from wattward.baselines.rules.rule import JobRule
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

Flags = NDArray[np.bool_]
UNPLANNED = -1


class JobSteps(NamedTuple):
    """Steps that jobs need and have. The forecast horizon and the end of the episode are deadlines too."""

    needed: Ints  # (A,) run time by the estimate [steps], at least 1
    left: Ints  # (A,) time until the deadline [steps], 1..L

    @property
    def latest_start(self) -> Ints:
        """The last step from which a job finishes in time by its estimate, shape (A,); 0 if it is now or was before."""
        return np.maximum(0, self.left - self.needed)


def job_steps(outlook: Outlook) -> JobSteps:
    """Run times and deadlines of the jobs present."""
    jobs, step_h = outlook.jobs, outlook.step_h
    left_h = np.minimum(jobs.hours_to_deadline, hours_to_end(outlook))
    needed = np.ceil(jobs.expected_gpu_h / (jobs.gpus * step_h) - 1e-9)
    left = np.clip(np.floor(left_h / step_h + 1e-9), 1, outlook.n_leads)
    return JobSteps(np.maximum(1, needed.astype(np.int64)), left.astype(np.int64))


def cannot_wait(outlook: Outlook) -> Flags:
    """Whether a job needs all steps until its deadline or the end of the episode by its estimate, shape (A,)."""
    steps = job_steps(outlook)
    waits_in_vain: Flags = steps.needed >= steps.left
    return waits_in_vain


def window_totals(rate: Floats, length: Ints, latest_start: Ints) -> Floats:
    """Sum of a job's rate over a window of its length for each start, shape (J, L); inf after the latest start.

    Args:
        rate: Cost of a GPU-hour for each of J jobs by lead, shape (J, L). Beyond the forecast its mean is used.
        length: Steps of each job's window, shape (J,).
        latest_start: The last lead at which each job may start, shape (J,).
    """
    n_jobs, n_leads = rate.shape
    sums = np.concatenate([np.zeros((n_jobs, 1)), np.cumsum(rate, axis=1)], axis=1)
    start = np.arange(n_leads)
    end = start + length[:, None]
    inside = np.take_along_axis(sums, np.minimum(end, n_leads), axis=1) - sums[:, :-1]
    totals = inside + np.maximum(0, end - n_leads) * rate.mean(axis=1, keepdims=True)
    return np.where(start <= latest_start[:, None], totals, np.inf)


def from_start(start: Ints, n_leads: int) -> Flags:
    """The steps in which a job runs that starts at a lead and goes on, shape (J, L)."""
    return np.arange(n_leads) >= start[:, None]


def cheapest_steps(rate: Floats, steps: JobSteps) -> Flags:
    """The cheapest steps before each job's deadline that suffice for it, shape (J, L). Ties go to the earlier step.

    Args:
        rate: Cost of a GPU-hour for each of J jobs by lead, shape (J, L).
        steps: Steps that the J jobs need and have.
    """
    n_leads = rate.shape[1]
    in_time = np.where(np.arange(n_leads) < steps.left[:, None], rate, np.inf)
    order = np.argsort(in_time, axis=1, kind="stable")
    chosen = np.zeros(rate.shape, dtype=np.bool_)
    np.put_along_axis(chosen, order, np.arange(n_leads) < steps.needed[:, None], axis=1)
    return chosen


class Plan(NamedTuple):
    """The plans of J jobs, made in one step."""

    place: Ints  # (J,) region in which the job runs
    runs: Flags  # (J, L) whether it runs, by lead


class Plans:
    """The plans of an episode's jobs, by the numbers of the jobs."""

    def __init__(self, n_leads: int) -> None:
        self._made_at, self._last = ByJob(UNPLANNED, dtype=np.int64), ByJob(0, dtype=np.int64)
        self._place, self._runs = ByJob(0, dtype=np.int64), ByJob(False, (n_leads,), np.bool_)
        self._leads = np.arange(n_leads)

    def add(self, numbers: Ints, step: int, plan: Plan) -> None:
        """Stores the plans of jobs, made in a step; the leads of `plan` count from it."""
        self._made_at[numbers], self._place[numbers], self._runs[numbers] = step, plan.place, plan.runs
        self._last[numbers] = self._leads[-1] - np.argmax(plan.runs[:, ::-1], axis=1)

    def is_missing(self, numbers: Ints) -> Flags:
        """Whether jobs have no plan yet, shape (J,)."""
        missing: Flags = self._made_at[numbers] == UNPLANNED
        return missing

    def place(self, numbers: Ints) -> Ints:
        """The planned region of jobs, shape (J,)."""
        return self._place[numbers]

    def runs_at(self, numbers: Ints, step: int) -> Flags:
        """Whether jobs run in a step, shape (J,): by their plans, or because their plans are over and they are not."""
        lead, rows = step - self._made_at[numbers], np.arange(numbers.size)
        planned = self._runs[numbers][rows, np.minimum(lead, self._leads[-1])]
        runs: Flags = planned | (lead > self._last[numbers])
        return runs

    def ahead(self, numbers: Ints, step: int) -> Flags:
        """The steps that jobs still have by their plans, by lead from a step, shape (J, L); False without a plan."""
        lead = (step - self._made_at[numbers])[:, None] + self._leads
        planned = np.take_along_axis(self._runs[numbers], np.minimum(lead, self._leads[-1]), axis=1)
        ahead: Flags = planned & (lead <= self._leads[-1])
        return ahead


def sets_off(plans: Plans, outlook: Outlook, transit: Ints) -> Flags:
    """Whether a job must leave now to be at its planned place when its plan begins, shape (A,).

    Args:
        plans: The plans of the jobs present.
        outlook: The present step.
        transit: Steps that a job's data are on the way to each region, shape (A, R).
    """
    jobs, place = outlook.jobs, plans.place(outlook.jobs.number)
    first = np.argmax(plans.ahead(jobs.number, outlook.step), axis=1)
    under_way = transit[np.arange(place.size), place]
    off: Flags = (place != jobs.region) & (under_way > 0) & (first <= under_way)
    return off


class PlanOnce(JobRule):
    """A rule that plans each job once, when it is first seen, and then follows the plan.

    Plans assume a cloud that always has room, as the sources do. Where GPUs are short, due jobs come first, then
    running rigid jobs, then the job with least slack.
    """

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Deletes the plans of the last episode."""
        self._plans = Plans(outlook.n_leads)

    def act(self, outlook: Outlook) -> Orders:
        """Runs the jobs whose plans say so."""
        number = outlook.jobs.number
        new = np.flatnonzero(self._plans.is_missing(number))
        if new.size:
            self._plans.add(number[new], outlook.step, self.plan(outlook, new))
        runs = self._plans.runs_at(number, outlook.step)
        return Orders(np.where(runs, self._plans.place(number), STAY), run_due=True)

    @abstractmethod
    def plan(self, outlook: Outlook, new: Ints) -> Plan:
        """Plans the jobs at the rows `new` (J,) of `outlook.jobs`."""
