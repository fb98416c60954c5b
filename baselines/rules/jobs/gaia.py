"""The rules of GAIA, which choose when a job starts: LowestSlot, LowestWindow and CarbonTime."""

from __future__ import annotations

from abc import abstractmethod
from statistics import NormalDist

import numpy as np

from wattward.baselines.rules.plans import Plan, PlanOnce, from_start, job_steps, window_totals
from wattward.baselines.rules.prices import Signal, marginal_rate
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook

SHORT_H = 2.0
"""Longest job of GAIA's short queue; longer jobs are in the long queue."""
NORMALS = np.array([NormalDist().inv_cdf((k + 0.5) / 200) for k in range(200)])
"""Quantiles of a standard normal, at which a distribution of lengths is read."""


class _Start(PlanOnce):
    """A rule that chooses when a job starts. The job then runs to its end.

    GAIA does not know how long a job is. It knows the queue, short or long, and the mean length of the queue's jobs,
    which here follows from the scenario. A job belongs to the short queue if its owner expects at most 2 h. GAIA limits
    waiting to a number of hours for each queue; here it ends when the job would be late by its owner's estimate.
    """

    def __init__(self, name: str, signal: Signal = "cost") -> None:
        self._signal = signal
        self.name = name if signal == "cost" else f"{name}-{signal}"

    def plan(self, outlook: Outlook, new: Ints) -> Plan:
        """Chooses the starts of new jobs in their regions."""
        jobs, latest = outlook.jobs, job_steps(outlook).latest_start[new]
        rate = marginal_rate(outlook, self._signal).T[jobs.region[new]]
        is_long = jobs.expected_gpu_h[new] > SHORT_H * jobs.gpus[new]
        mean_steps = np.maximum(1, np.round(mean_lengths_h(outlook.scenario) / outlook.step_h)).astype(np.int64)
        start = self.start(rate, latest, mean_steps[is_long.astype(np.int64)])
        return Plan(jobs.region[new], from_start(start, outlook.n_leads))

    @abstractmethod
    def start(self, rate: Floats, latest_start: Ints, mean_length: Ints) -> Ints:
        """The lead at which each of J jobs starts, shape (J,). Ties go to the earlier start.

        Args:
            rate: Cost of a GPU-hour by lead, shape (J, L).
            latest_start: The last lead at which each job may start, shape (J,).
            mean_length: Mean run time of the jobs in the job's queue [steps], shape (J,).
        """


class LowestSlot(_Start):
    """A job starts at the cheapest step at which it may start.

    Source: Hanafy et al., "Going Green for Less Green: Optimizing the Cost of Reducing Cloud Carbon Emissions" (GAIA),
    ASPLOS 2024: Lowest-Slot, which looks only at the first step and knows nothing of the length of jobs.
    Transfer: see the module. The signal is the marginal cost of power or, with signal "carbon", its carbon.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        super().__init__("LowestSlot", signal)

    def start(self, rate: Floats, latest_start: Ints, mean_length: Ints) -> Ints:
        """The cheapest step."""
        return _first_lowest(window_totals(rate, np.ones_like(mean_length), latest_start))


class LowestWindow(_Start):
    """A job starts where a window of the mean length of its queue's jobs is cheapest.

    Source: Hanafy et al., "Going Green for Less Green: Optimizing the Cost of Reducing Cloud Carbon Emissions" (GAIA),
    ASPLOS 2024: Lowest-Window.
    Transfer: see the module. The signal is the marginal cost of power or, with signal "carbon", its carbon.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        super().__init__("LowestWindow", signal)

    def start(self, rate: Floats, latest_start: Ints, mean_length: Ints) -> Ints:
        """The start of the cheapest window."""
        return _first_lowest(window_totals(rate, mean_length, latest_start))


class CarbonTime(_Start):
    """A job starts at the step s that maximises (C(0) - C(s)) / (s + length), C(s) being its cost with start s.

    Source: Hanafy et al., "Going Green for Less Green: Optimizing the Cost of Reducing Cloud Carbon Emissions" (GAIA),
    ASPLOS 2024: Carbon-Time, the carbon saved per completion time, with the mean length of the queue's jobs.
    Transfer: see the module. C is the marginal cost of power or, with signal "carbon", its carbon.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        super().__init__("CarbonTime", signal)

    def start(self, rate: Floats, latest_start: Ints, mean_length: Ints) -> Ints:
        """The start with the largest saving per completion time."""
        totals = window_totals(rate, mean_length, latest_start)
        completion = np.arange(rate.shape[1]) + mean_length[:, None]
        return _first_lowest((totals - totals[:, :1]) / completion)


def _first_lowest(amount: Floats) -> Ints:
    leads: Ints = np.argmin(amount, axis=1)
    return leads


@cached_for_owner
def mean_lengths_h(scenario: Scenario) -> Floats:
    """Mean run time of the jobs in the short and in the long queue of a scenario [h], shape (2,)."""
    lengths_h, weights = [], []
    for law in scenario.job_classes:
        drawn = law.run_h.median * np.exp(law.run_h.sigma * NORMALS)
        lengths_h.append(np.clip(drawn, law.run_h.low, law.run_h.high))
        weights.append(np.full(NORMALS.size, max(sum(law.jobs_per_day), 1e-9)))
    length_h, weight = np.concatenate(lengths_h), np.concatenate(weights)
    queues = (length_h <= SHORT_H, length_h > SHORT_H)
    return np.array([np.average(length_h[q], weights=weight[q]) if weight[q].any() else SHORT_H for q in queues])
