"""Load balancers: rules that spread work over regions and ignore prices."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import by_place, fill, idle_gpus, voters
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class RoundRobin(Rule):
    """Round robin: job number i of the episode votes for region i modulo R until it starts.

    Source: the rule of that name in SustainCluster (NeurIPS 2025 Datasets and Benchmarks), and common long before.
    Transfer: votes on place (see `voting`), as far as the destination has idle GPUs. Turns follow the order of regions.
    Besides Random, this is the only rule whose actions depend on that order.
    """

    name = "RoundRobin"

    def act(self, outlook: Outlook) -> Modes:
        """PULL where jobs vote to go, HOLD where most waiting work votes to leave, RUN elsewhere."""
        jobs, idle = outlook.jobs, idle_gpus(outlook)
        starts = voters(outlook) & ~jobs.running
        place = np.where(starts, jobs.number % outlook.n_regions, jobs.region)
        for region in range(outlook.n_regions):
            comes = (place == region) & starts
            no_room = comes & (np.cumsum(np.where(comes, jobs.gpus, 0.0)) > idle[region])
            place = np.where(no_room, jobs.region, place)
        return by_place(outlook, place)


class MostAvailable(Rule):
    """Work that does not run yet votes for the region with most idle GPUs.

    Source: the rule of that name in SustainCluster (NeurIPS 2025 Datasets and Benchmarks), which assigns every new task
    to the data centre with most free resources and never defers.
    Transfer: votes on place (see `voting`). When the first choice is full, work votes for the next one.
    """

    name = "MostAvailable"

    def act(self, outlook: Outlook) -> Modes:
        """PULL where jobs vote to go, HOLD where most waiting work votes to leave, RUN elsewhere."""
        idle = idle_gpus(outlook)
        return by_place(outlook, fill(outlook, -idle, idle, stay=outlook.jobs.running))


class LeastPending(Rule):
    """Work that does not run yet votes for the region with the shortest queue, counted in jobs.

    Source: the rule of that name in SustainCluster (NeurIPS 2025 Datasets and Benchmarks); known before as
    "join the shortest queue".
    Transfer: votes on place (see `voting`), as far as the destination has idle GPUs.
    """

    name = "LeastPending"

    def act(self, outlook: Outlook) -> Modes:
        """PULL where jobs vote to go, HOLD where most waiting work votes to leave, RUN elsewhere."""
        jobs = outlook.jobs
        pending = np.bincount(jobs.region[voters(outlook) & ~jobs.running], minlength=outlook.n_regions)
        return by_place(outlook, fill(outlook, pending.astype(np.float64), idle_gpus(outlook), stay=jobs.running))
