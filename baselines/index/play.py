"""Plays whole episodes in compiled code, for tuning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wattward.baselines.index.kernels import play_week
from wattward.baselines.index.parameters import Numbers
from wattward.baselines.index.sight import blocks_of, expected_arrivals, hours_of, site_rows
from wattward.baselines.index.table import (
    DONE_GPU_H,
    LATE_GPU_H,
    LEFT_GPU_H,
    N_AHEAD,
    N_BLOCKS,
    N_SUMS,
    TOTAL_COST,
)
from wattward.configs.schema.scenario import Scenario
from wattward.envs.kernels.codes import QUEUE_FULL
from wattward.envs.model.params import make_params
from wattward.envs.model.types import Floats
from wattward.envs.policy.copies import immutable
from wattward.envs.policy.lookout import Lookout
from wattward.envs.simulator.bank import Bank
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.draw import draw
from wattward.envs.world.splits import episode_seed


class Played(NamedTuple):
    """What an episode came to."""

    total_cost: float
    late_gpu_h: float
    done_gpu_h: float
    left_gpu_h: float


class IndexPlayer:
    """Holds episodes of a scenario with all that the index sees of them, and plays them with any parameters.

    Attributes:
        on_arrival_cost: Cost of each episode with all work run on arrival, shape (K,).
    """

    def __init__(self, scenario: Scenario, split: str, numbers: Sequence[int], *, progress: bool = False) -> None:
        """Draws episodes `numbers` of a split.

        Args:
            scenario: The scenario.
            split: The split.
            numbers: The episodes in it.
            progress: Whether to show a progress bar.
        """
        params = make_params(scenario)
        self._site, n_steps = site_rows(params), scenario.n_steps
        self._bank = Bank(params, len(numbers))
        self._simulator = Simulator(params, 1, self._bank)
        shape = (len(numbers), n_steps, N_BLOCKS, scenario.n_regions, N_AHEAD)
        self._ahead: Floats = np.zeros(shape)
        self._n_blocks: NDArray[np.int64] = np.zeros(shape[:2], np.int64)
        self._arrivals: Floats = np.zeros(shape[:2])
        known = immutable(params)
        for slot, number in enumerate(tqdm(numbers, desc=f"{split} episodes", disable=not progress, leave=False)):
            world = draw(scenario, episode_seed(split, int(number)))
            self._bank.put(slot, world)
            self._simulator.begin(0, slot)
            self._look(slot, Lookout(scenario, known, world))
            self._arrivals[slot] = expected_arrivals(scenario, int(world.start_minute[0]), n_steps)
            self._simulator.play_on_arrival(0, slot)
        self.on_arrival_cost: Floats = self._bank.on_arrival["total_cost"].sum(axis=1)

    def __len__(self) -> int:
        return self._n_blocks.shape[0]

    def play(self, slot: int, numbers: Numbers) -> Played:
        """Plays the episode at a place with the given parameters."""
        sums, tables = np.empty(N_SUMS), (self._ahead[slot], self._n_blocks[slot], self._arrivals[slot])
        while play_week(self._simulator.fleet.addresses, slot, *tables, numbers, sums) == QUEUE_FULL:
            self._simulator.lengthen_queues()
        of = (TOTAL_COST, LATE_GPU_H, DONE_GPU_H, LEFT_GPU_H)
        return Played._make(float(sums[i]) for i in of)

    def savings(self, numbers: Numbers, slots: Sequence[int] | None = None) -> Floats:
        """Saving against all work run on arrival, as a share of its cost, in each of the episodes."""
        chosen = range(len(self)) if slots is None else slots
        costs = np.array([self.play(slot, numbers).total_cost for slot in chosen])
        saving: Floats = 1.0 - costs / self.on_arrival_cost[list(chosen)]
        return saving

    def _look(self, slot: int, lookout: Lookout) -> None:
        """Fills the forecast blocks of every step of an episode."""
        unseen, empty = np.zeros(0, np.float32), np.array([0])
        for step in range(self._n_blocks.shape[1]):
            state = self._simulator.state._replace(step=np.array([step]), n_active=empty)
            outlook = lookout.outlook(state, unseen)
            now = hours_of(outlook)
            self._n_blocks[slot, step] = blocks_of(outlook, self._site, now, self._ahead[slot, step])
