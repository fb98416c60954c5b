"""New work goes where most GPUs are idle."""

from __future__ import annotations

from wattward.baselines.rule import Rule
from wattward.baselines.votes import by_place, fill, idle_gpus
from wattward.envs.outlook import Outlook
from wattward.envs.policy import Modes


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
