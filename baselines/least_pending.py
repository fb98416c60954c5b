"""New work goes where fewest jobs wait."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rule import Rule
from wattward.baselines.votes import by_place, fill, idle_gpus, voters
from wattward.envs.outlook import Outlook
from wattward.envs.policy import Modes


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
