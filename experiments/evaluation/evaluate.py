"""Runs methods over episodes that everybody meets alike, and sets each cost beside its floor and its ceiling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.suite import Split
from wattward.envs.policy.episode import Trajectory, begin_episode, play_episode
from wattward.experiments.common.records import Record
from wattward.experiments.evaluation import scores
from wattward.experiments.evaluation.methods import Method, policy_seed
from wattward.experiments.evaluation.references import References, references
from wattward.experiments.evaluation.worlds import Worlds, environment


def evaluate(who: Method, worlds: Worlds, episodes: range, cache_dir: Path, *, seed: int = 0) -> list[Record]:
    """Records of one method on some episodes, each with the score it earns.

    Args:
        who: the method.
        worlds: where the episodes come from.
        episodes: indices into the split; the same index is the same world for everyone.
        cache_dir: where the references of each episode are kept.
        seed: of the policy's own randomness.

    Raises:
        ConfigError: the scenario, the recording or the checkpoint cannot be used.
    """
    return play(who, worlds, episodes, [references(worlds, episode, cache_dir) for episode in episodes], seed=seed)


def play(who: Method, worlds: Worlds, episodes: range, against: Sequence[References], *, seed: int = 0) -> list[Record]:
    """Records of one method on some episodes, scored against their references; see `evaluate`."""
    policy, env = who.policy(), environment(worlds.scenario, worlds.recording)
    records = []
    for episode, its in zip(episodes, against, strict=True):
        rng = np.random.default_rng(policy_seed(who, episode, seed))
        played = play_episode(policy, env, split=worlds.split, episode=episode, rng=rng)
        records.append(_scored(who, worlds, played, its))
    return records


def check_fit(methods: Iterable[Method], worlds: Worlds) -> None:
    """Sets every method before an episode of these worlds, so that what does not fit is found before any work is done.

    Raises:
        ConfigError: the scenario or the recording cannot be used, or a policy was trained for another world.
    """
    env = environment(worlds.scenario, worlds.recording)
    if worlds.split not in get_args(Split):
        raise ConfigError(f"split {worlds.split!r}: must be one of {', '.join(get_args(Split))}")
    env.reset(options={"split": worlds.split, "episode": 0})
    for who in methods:
        begin_episode(who.policy(), env, split=worlds.split, episode=0, rng=np.random.default_rng(0))


def _scored(who: Method, worlds: Worlds, played: Trajectory, against: References) -> Record:
    cost, floor, ceiling = played.total_cost, against.run_on_arrival_cost, against.bound_cost
    if scores.is_below_bound(cost, ceiling):
        raise ConfigError(
            f"method {who.name}, scenario {worlds.scenario}, {worlds.split} episode {played.episode}: costs {cost!r}, "
            f"less than the hindsight bound, {ceiling!r}; a score above 1 is a fault of the method or of the bound"
        )
    earned = float(scores.score(np.asarray(cost), np.asarray(floor), np.asarray(ceiling)))
    return {
        "method": who.name,
        "train_seed": who.train_seed,
        "learned": int(who.learned),
        "submitted": int(who.factory is not None),
        "scenario": worlds.scenario,
        "split": worlds.split,
        "recorded": int(worlds.recording is not None),
        "episode": played.episode,
        "score": earned if np.isfinite(earned) else None,
        "saving": 1.0 - cost / floor,
        "run_on_arrival_cost": floor,
        "bound_cost": ceiling,
        **played.kpis,
        **played.costs,
        "decision_us": float(np.mean(played.decision_us)),
    }
