"""Improves the modes of a whole episode in hindsight, block by block.

The result shows what modes can reach at least if the whole episode is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.kernels.fleet import COST
from wattward.envs.policy.episode import play_episode
from wattward.envs.policy.protocol import Policy
from wattward.envs.simulator.bank import Bank
from wattward.envs.simulator.simulator import Simulator

ALL_JOINT = 2
"""With at most this many regions, a block tries all joint modes. With more, it changes one region at a time."""

WIDTHS, FINE = (6, 3, 2, 1), (4, 2, 1)
"""Numbers of blocks that change together: for blocks of one hour, and for blocks of one step."""

Actions = NDArray[np.int64]


def executed(env: ClusterEnv, policy: Policy, split: str, episode: int) -> tuple[Actions, float]:
    """Modes (N, R) that a policy uses in an episode, and their cost [currency]."""
    rng = np.random.default_rng(episode)
    played = play_episode(policy, env, split=split, episode=episode, rng=rng, keep=("decisions",))
    return played.decisions.astype(np.int64), played.total_cost


def descend(env: ClusterEnv, actions: Actions, *, block: int, widths: Sequence[int] = WIDTHS) -> tuple[Actions, float]:
    """Changes the modes of consecutive blocks if the cost of the whole episode falls, until no change helps.

    Args:
        env: Environment, reset to the episode.
        actions: Initial modes by step and region, (N, R).
        block: Number of steps in a block. The modes of its first step apply to the whole block.
        widths: Numbers of blocks that change together. Each width is one pass over the episode. All passes are
            repeated until the cost no longer falls.

    Returns:
        The improved modes and their cost [currency]. The cost is never above that of the initial modes, held by block.
    """
    held, search, best = actions[::block].copy(), _Search(env, block, actions.shape[1]), np.inf
    while True:
        for width in widths:
            held, cost = search.improved(held, width)
        if cost >= best:
            return held.repeat(block, axis=0)[: len(actions)], best
        best = cost


class _Search:
    """Plays one episode in parallel environments: one for the current modes, and one for each alternative."""

    def __init__(self, env: ClusterEnv, block: int, n_regions: int) -> None:
        self._block, self._choices = block, _choices(n_regions)
        bank = Bank(env.params, 1)
        bank.put(0, env.world)
        self._simulator = Simulator(env.params, len(self._choices) + 1, bank)

    def improved(self, held: Actions, width: int) -> tuple[Actions, float]:
        """Makes one pass over the modes (M, R) of all blocks; returns improved modes and their cost [currency]."""
        held, simulator, spent = held.copy(), self._simulator, 0.0
        for b in range(simulator.n_envs):
            simulator.begin(b, 0)
        for first in range(len(held)):
            window, here = held[first : first + width, None], simulator.save()
            options = np.concatenate([window, np.where(self._choices < 0, window, self._choices)], axis=1)
            rest = np.broadcast_to(
                held[first + width :, None], (*held[first + width :, None].shape[:1], *options.shape[1:])
            )
            best = int(np.argmin(self._play(options) + self._play(rest)))
            held[first : first + width] = options[:, best]
            simulator.restore(here)
            spent += float(self._play(np.broadcast_to(held[None, None, first], (1, *options.shape[1:])))[0])
        return held, spent

    def _play(self, modes: Actions) -> NDArray[np.float64]:
        """Cost [currency], shape (B,), of blocks with modes (M, B, R), or (M, 1, R) for the same in all."""
        total = np.zeros(self._simulator.n_envs)
        for now in modes:
            self._simulator.fleet.modes[:, : now.shape[1]] = now
            self._simulator.advance(self._block)
            total += self._simulator.fleet.outcome[:, COST]
        return total


def _choices(n_regions: int) -> Actions:
    """Modes that a block may change to, one row for each choice; -1 leaves a region's mode unchanged."""
    if n_regions <= ALL_JOINT:
        return np.array(list(product(range(len(Mode)), repeat=n_regions)), dtype=np.int64)
    single = np.full((n_regions, len(Mode), n_regions), -1, dtype=np.int64)
    for region, mode in product(range(n_regions), range(len(Mode))):
        single[region, mode, region] = mode
    return single.reshape(-1, n_regions)
