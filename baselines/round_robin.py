"""New work goes to the regions in turn."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rule import Rule
from wattward.baselines.votes import by_place, idle_gpus, voters
from wattward.envs.outlook import Outlook
from wattward.envs.policy import Modes


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
