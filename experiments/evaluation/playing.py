"""Runs methods on episodes that are the same for all methods, and compares each cost with its floor and ceiling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np

from wattward.configs.digests import digest
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.suite import Split
from wattward.envs.policy.episode import PolicyError, Trajectory, begin_episode, play_episode
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.common.finished_work import read_finished, write_finished
from wattward.experiments.common.records import FAILURE, Record
from wattward.experiments.evaluation import scores
from wattward.experiments.evaluation.methods import Method, policy_seed
from wattward.experiments.evaluation.worlds import Worlds, given, recorded

FLOOR = "RunOnArrival"
"""The rule whose cost defines score 0."""


@dataclass(frozen=True)
class References:
    """Cost of an episode under RunOnArrival, and its hindsight bound [currency]."""

    run_on_arrival_cost: float
    bound_cost: float


def evaluate(who: Method, worlds: Worlds, episodes: range, cache_dir: Path, *, seed: int = 0) -> list[Record]:
    """Plays a method on some episodes and returns their records, with scores.

    Args:
        who: The method.
        worlds: Source of the episodes.
        episodes: Indices in the split; an index gives the same world to all methods.
        cache_dir: Folder where the references of each episode are stored.
        seed: Seed of the policy's own randomness.

    Raises:
        ConfigError: the scenario, the recording or the checkpoint cannot be used.
    """
    return play(who, worlds, episodes, [references(worlds, episode, cache_dir) for episode in episodes], seed=seed)


def play(who: Method, worlds: Worlds, episodes: range, against: Sequence[References], *, seed: int = 0) -> list[Record]:
    """Plays a method on some episodes and scores them against the given references; see `evaluate`.

    If the policy fails in an episode, its record says why, and has no score. The other episodes are played.

    Raises:
        ConfigError: a cost is not finite or below the hindsight bound, which makes all results doubtful.
    """
    policy, env = who.policy(), environment(worlds.scenario, worlds.recording)
    records = []
    for episode, its in zip(episodes, against, strict=True):
        record = _about(who, worlds, episode, its)
        rng = np.random.default_rng(policy_seed(who, episode, seed))
        try:
            record |= _scored(play_episode(policy, env, split=worlds.split, episode=episode, rng=rng), its)
        except PolicyError as error:
            record |= {FAILURE: f"step {error.step}: {error.what}"}
            policy = who.policy()
        scores.refuse_impossible(record)
        records.append(record)
    return records


def check_fit(methods: Iterable[Method], worlds: Worlds) -> None:
    """Begins an episode of these worlds with every method, to find methods that do not fit before the work starts.

    Raises:
        ConfigError: the scenario or the recording cannot be used, the split does not exist, or a policy was trained
            for another world.
    """
    env = environment(worlds.scenario, worlds.recording)
    if worlds.split not in get_args(Split):
        raise ConfigError(f"split {worlds.split!r}: must be one of {', '.join(get_args(Split))}")
    env.reset(options={"split": worlds.split, "episode": 0})
    for who in methods:
        begin_episode(who.policy(), env, split=worlds.split, episode=0, rng=np.random.default_rng(0))


def _about(who: Method, worlds: Worlds, episode: int, against: References) -> Record:
    return {
        "method": who.name,
        "train_seed": who.train_seed,
        "learned": int(who.learned),
        "submitted": int(who.factory is not None),
        "scenario": worlds.scenario,
        "worlds": WORLDS_VERSION,
        "split": worlds.split,
        "recorded": int(worlds.recording is not None),
        "episode": episode,
        "score": None,
        "saving": None,
        "run_on_arrival_cost": against.run_on_arrival_cost,
        "bound_cost": against.bound_cost,
    }


def _scored(played: Trajectory, against: References) -> Record:
    cost, floor, ceiling = played.total_cost, against.run_on_arrival_cost, against.bound_cost
    earned = float(scores.score(np.asarray(cost), np.asarray(floor), np.asarray(ceiling)))
    return {
        "score": earned if np.isfinite(earned) else None,
        "saving": 1.0 - cost / floor,
        **played.kpis,
        **played.costs,
        "decision_us": float(np.mean(played.decision_us)),
    }


@cache
def environment(scenario: str, recording: str | None) -> Any:  # noqa: ANN401 - ClusterEnv, imported only when used
    """Returns this process's environment for a scenario; it is shared, so reset it before use."""
    from wattward.envs.interfaces.cluster_env import ClusterEnv

    here = given(scenario, recording)
    if here is not None:
        return ClusterEnv(here[0], recording=here[1])
    return ClusterEnv(scenario, recording=recorded(recording, scenario) if recording else None)


def references(worlds: Worlds, episode: int, cache_dir: Path) -> References:
    """Returns the floor and ceiling of one episode from the cache, or computes and stores them."""
    path = references_path(worlds.name(), episode, cache_dir)
    kept = read_references(path)
    if kept is None:
        kept = compute_references(worlds, episode)
        write_finished(path, asdict(kept))
    return kept


def references_path(worlds_name: str, episode: int, cache_dir: Path) -> Path:
    """Returns the path of the file with the references of an episode."""
    return cache_dir / "references" / f"{digest(worlds_name, episode)}.json"


def read_references(path: Path) -> References | None:
    """Reads references from a file; None if there is no usable file."""
    kept = read_finished(path)
    return None if kept is None else References(**kept)


def compute_references(worlds: Worlds, episode: int) -> References:
    """Computes the floor and ceiling of one episode."""
    from wattward.baselines.bound.bound import bound

    env, who = environment(worlds.scenario, worlds.recording), Method(FLOOR)
    rng = np.random.default_rng(policy_seed(who, episode, 0))
    floor = play_episode(who.policy(), env, split=worlds.split, episode=episode, rng=rng)
    ceiling = bound(env.params, env.world, precision=worlds.bound)
    return References(floor.total_cost, float(ceiling.total_cost))
