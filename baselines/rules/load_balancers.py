"""Rules that spread work over the regions and look at no price."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import by_place, fill, idle_gpus, voters
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class RoundRobin(Rule):
    """A load balancer: job number i of the episode votes for region i modulo R until it has started.

    Source: the rule of that name in SustainCluster (NeurIPS 2025 Datasets and Benchmarks); customary long before.
    Transfer: votes on place (`votes`), no more than the destination has idle GPUs for. Turns follow the order of
    the regions, so this is the one rule besides Random that permuting regions changes.
    """

    name = "RoundRobin"

    def act(self, outlook: Outlook) -> Modes:
        """RUN; PULL where a job's turn is, HOLD where most of the waiting work has its turn elsewhere."""
        jobs, idle = outlook.jobs, idle_gpus(outlook)
        starts = voters(outlook) & ~jobs.running
        place = np.where(starts, jobs.number % outlook.n_regions, jobs.region)
        for region in range(outlook.n_regions):
            comes = (place == region) & starts
            no_room = comes & (np.cumsum(np.where(comes, jobs.gpus, 0.0)) > idle[region])
            place = np.where(no_room, jobs.region, place)
        return by_place(outlook, place)


class MostAvailable(Rule):
    """A load balancer: work that does not run yet votes for the region with most idle GPUs.

    Source: the rule of that name in SustainCluster (NeurIPS 2025 Datasets and Benchmarks), which assigns every new task
    to the data centre with most free resources and never defers.
    Transfer: votes on place (`votes`); once the first choice is full, the next most idle one.
    """

    name = "MostAvailable"

    def act(self, outlook: Outlook) -> Modes:
        """RUN; PULL where idle GPUs attract work, HOLD where most of the waiting work wants to leave."""
        idle = idle_gpus(outlook)
        return by_place(outlook, fill(outlook, -idle, idle, stay=outlook.jobs.running))


class LeastPending(Rule):
    """A load balancer: work that does not run yet votes for the region with the shortest queue, counted in jobs.

    Source: the rule of that name in SustainCluster (NeurIPS 2025 Datasets and Benchmarks); older as
    "join the shortest queue".
    Transfer: votes on place (`votes`), no more than the destination has idle GPUs for.
    """

    name = "LeastPending"

    def act(self, outlook: Outlook) -> Modes:
        """RUN; PULL where the queue is shortest, HOLD where most of the waiting work wants to leave."""
        jobs = outlook.jobs
        pending = np.bincount(jobs.region[voters(outlook) & ~jobs.running], minlength=outlook.n_regions)
        return by_place(outlook, fill(outlook, pending.astype(np.float64), idle_gpus(outlook), stay=jobs.running))
