"""The index as a policy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wattward.baselines.index.kernels import write_orders
from wattward.baselines.index.parameters import load_parameters, numbers_of
from wattward.baselines.index.sight import (
    blocks_of,
    expected_arrivals,
    hours_of,
    queue_of,
    regions_of,
    room_for_blocks,
    site_rows,
)
from wattward.baselines.rules.rule import JobRule
from wattward.configs.schema.index import IndexParameters
from wattward.envs.policy.orders import Orders
from wattward.envs.policy.outlook import Outlook


class TunedIndex(JobRule):
    """Gives each job an index for each region: the price at which it would run, less what its run costs there.

    The price is the one at which the forecast supply of GPU-hours meets the work present and expected (merit order), or
    that of the job's own best later run if this is higher. Parameters weigh these terms; `wattward tune` chooses them
    on training episodes. Pairs of job and region get GPUs in the order of the index, as long as it pays for the power.

    Source: index policies of restless bandits (Whittle, "Restless Bandits: Activity Allocation in a Changing World",
    Journal of Applied Probability 25A, 1988), and policy search by CMA-ES (Hansen and Ostermeier, "Completely
    Derandomized Self-Adaptation in Evolution Strategies", Evolutionary Computation 9, 2001).
    """

    def __init__(self, parameters: IndexParameters | str | Path | None = None) -> None:
        """Makes the policy.

        Args:
            parameters: Parameters, the name of a shipped set, or a file; by default those of the scenario played.
        """
        self._given = parameters
        self.name = "TunedIndex"
        if isinstance(parameters, str | Path):
            self.name = f"TunedIndex-{Path(parameters).stem}"
            load_parameters(parameters)

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Takes the parameters of the scenario and the work expected in the episode."""
        given = self._given
        if not isinstance(given, IndexParameters):
            given = load_parameters(outlook.scenario.name if given is None else given)
        self._numbers, self._site = numbers_of(given), site_rows(outlook.params)
        self._arrivals = expected_arrivals(outlook.scenario, outlook.start_minute, outlook.n_steps)
        self._ahead = room_for_blocks(outlook.n_regions)

    def act(self, outlook: Outlook) -> Orders:
        """Orders for the jobs present; stores follow the price rule."""
        now, queue = hours_of(outlook), queue_of(outlook)
        n_blocks = blocks_of(outlook, self._site, now, self._ahead)
        run_in, limit_gpus, rank = np.empty(queue.size, np.int64), np.empty(queue.size), np.empty(queue.size)
        write_orders(
            *(*self._site, now, regions_of(outlook), queue, outlook.step, self._ahead, n_blocks, self._arrivals),
            *(self._numbers, run_in, limit_gpus, rank),
        )
        return Orders(run_in, limit_gpus=limit_gpus, rank=rank)
