"""Modes of a whole episode, improved in hindsight block by block: what modes can reach at least, were all known."""

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
"""Up to so many regions a block tries all joint modes; of more it changes one region's at a time."""

WIDTHS, FINE = (6, 3, 2, 1), (4, 2, 1)
"""Blocks that change at once, of an hour, and of a step."""

Actions = NDArray[np.int64]


def executed(env: ClusterEnv, policy: Policy, split: str, episode: int) -> tuple[Actions, float]:
    """What a policy does in an episode, (N, R) modes, and what it costs [currency]."""
    rng = np.random.default_rng(episode)
    played = play_episode(policy, env, split=split, episode=episode, rng=rng, keep=("decisions",))
    return played.decisions.astype(np.int64), played.total_cost


def descend(env: ClusterEnv, actions: Actions, *, block: int, widths: Sequence[int] = WIDTHS) -> tuple[Actions, float]:
    """Changes the modes of some blocks in a row wherever the whole episode's cost falls, until none does.

    Args:
        env: In the episode.
        actions: A mode a step and region, (N, R), to begin with.
        block: Steps of a block; its first step's modes hold throughout.
        widths: Blocks that change at once, one pass over the episode for each; all again until nothing falls.

    Returns:
        The modes found, and what they cost [currency], never more than the given ones held by block.
    """
    held, search, best = actions[::block].copy(), _Search(env, block, actions.shape[1]), np.inf
    while True:
        for width in widths:
            held, cost = search.improved(held, width)
        if cost >= best:
            return held.repeat(block, axis=0)[: len(actions)], best
        best = cost


class _Search:
    """One episode in as many environments as a window has alternatives."""

    def __init__(self, env: ClusterEnv, block: int, n_regions: int) -> None:
        self._block, self._choices = block, _choices(n_regions)
        bank = Bank(env.params, 1)
        bank.put(0, env.world)
        self._simulator = Simulator(env.params, len(self._choices) + 1, bank)

    def improved(self, held: Actions, width: int) -> tuple[Actions, float]:
        """One pass over the episode with blocks' modes (M, R): better ones, and their cost [currency]."""
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
        """Cost [currency] (B,) of blocks by their modes (M, B, R), or (M, 1, R) for all alike."""
        total = np.zeros(self._simulator.n_envs)
        for now in modes:
            self._simulator.fleet.modes[:, : now.shape[1]] = now
            self._simulator.advance(self._block)
            total += self._simulator.fleet.outcome[:, COST]
        return total


def _choices(n_regions: int) -> Actions:
    """Modes that a block may change to, a row a choice; -1 leaves a region's mode as it is."""
    if n_regions <= ALL_JOINT:
        return np.array(list(product(range(len(Mode)), repeat=n_regions)), dtype=np.int64)
    single = np.full((n_regions, len(Mode), n_regions), -1, dtype=np.int64)
    for region, mode in product(range(n_regions), range(len(Mode))):
        single[region, mode, region] = mode
    return single.reshape(-1, n_regions)
