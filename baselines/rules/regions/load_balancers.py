"""Load balancers: rules that spread work over regions and ignore prices."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from wattward.baselines.present_jobs import idle_gpus, movable
from wattward.baselines.rules.plans import Plan, PlanOnce, from_start
from wattward.envs.model.types import Ints
from wattward.envs.policy.outlook import Outlook


class _Balancer(PlanOnce):
    """A rule that assigns each new job to a region, where it runs as soon as there are GPUs."""

    def plan(self, outlook: Outlook, new: Ints) -> Plan:
        """Assigns new jobs; they run at once. Jobs that already run stay."""
        place, starts = outlook.jobs.region[new], ~outlook.jobs.running[new]
        place[starts] = self.assigned(outlook, new[starts])
        return Plan(place, from_start(np.zeros(new.size, np.int64), outlook.n_leads))

    @abstractmethod
    def assigned(self, outlook: Outlook, new: Ints) -> Ints:
        """The regions of the jobs at the rows `new` (J,) of `outlook.jobs`."""


class RoundRobin(_Balancer):
    """Round robin: job number i of the episode runs in region i modulo R.

    Source: the rule of that name in SustainCluster (NeurIPS 2025 Datasets and Benchmarks), and common long before.
    Besides Random, this is the only rule whose decisions depend on the order of regions in any case.
    """

    name = "RoundRobin"

    def assigned(self, outlook: Outlook, new: Ints) -> Ints:
        """Turns by the numbers of jobs."""
        return outlook.jobs.number[new] % outlook.n_regions


class MostAvailable(_Balancer):
    """A new job goes to the region with most idle GPUs.

    Source: the rule of that name in SustainCluster (NeurIPS 2025 Datasets and Benchmarks), which assigns every new task
    to the data centre with most free resources and never defers.
    """

    name = "MostAvailable"

    def assigned(self, outlook: Outlook, new: Ints) -> Ints:
        """The region with most idle GPUs, after the jobs assigned before it."""
        idle, gpus = idle_gpus(outlook).tolist(), outlook.jobs.gpus[new].tolist()
        place = []
        for wanted in gpus:
            place.append(idle.index(max(idle)))
            idle[place[-1]] -= wanted
        return np.array(place, np.int64)


class LeastPending(_Balancer):
    """A new job goes to the region with the fewest waiting jobs.

    Source: the rule of that name in SustainCluster (NeurIPS 2025 Datasets and Benchmarks); known before as
    "join the shortest queue".
    """

    name = "LeastPending"

    def assigned(self, outlook: Outlook, new: Ints) -> Ints:
        """The region whose queue is shortest, with the jobs assigned before it; its own region among equal ones."""
        jobs = outlook.jobs
        waits = movable(outlook) & ~jobs.running
        waits[new] = False
        queue = np.bincount(jobs.region[waits], minlength=outlook.n_regions).tolist()
        place = []
        for own in jobs.region[new].tolist():
            place.append(own if queue[own] == min(queue) else queue.index(min(queue)))
            queue[place[-1]] += 1
        return np.array(place, np.int64)
