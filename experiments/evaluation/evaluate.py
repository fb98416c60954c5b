"""Runs methods over episodes that everybody meets alike, and sets each cost beside its floor and its ceiling."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np

from wattward.configs.digests import digest
from wattward.configs.files import read_json, write_json
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.suite import Precision, Split
from wattward.envs.model.types import COST_TERMS
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes, Policy, Shares
from wattward.experiments.common.records import Record, Value
from wattward.experiments.evaluation import scores
from wattward.experiments.evaluation.methods import Method
from wattward.experiments.evaluation.worlds import Worlds, given, recorded

FLOOR = "RunOnArrival"
"""The rule whose cost is score 0."""


class Environment(Protocol):
    """What running an episode needs of an environment."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts the episode that `options` name."""
        ...

    def step(self, action: Modes | Shares) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes one step."""
        ...

    def outlook(self) -> Outlook:
        """What a policy may see now."""
        ...


@dataclass(frozen=True)
class References:
    """What an episode costs under RunOnArrival and at the hindsight bound [yuan]."""

    run_on_arrival_cost: float
    bound_cost: float


def run_episode(policy: Policy, env: Environment, split: str, episode: int, seed: np.random.SeedSequence) -> Record:
    """Plays one episode to its end.

    Returns:
        The KPIs and yuan terms of the episode, and `decision_us`, the mean time of an `act` [us].
    """
    env.reset(options={"split": split, "episode": episode})
    policy.reset(env.outlook(), np.random.default_rng(seed))
    times_ns: list[int] = []
    yuan = dict.fromkeys(("total_cost", *COST_TERMS), 0.0)
    ended = False
    info: dict[str, Any] = {}
    while not ended:
        outlook = env.outlook()
        start = time.perf_counter_ns()
        action = policy.act(outlook)
        times_ns.append(time.perf_counter_ns() - start)
        _, _, terminated, truncated, info = env.step(action)
        ended = terminated or truncated
        for term in yuan:
            yuan[term] += float(info[term])
    kpis = {name: float(value) for name, value in info["kpis"].items()}
    return {**kpis, **yuan, "decision_us": float(np.mean(times_ns)) / 1000.0}


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
        played = run_episode(policy, env, worlds.split, episode, policy_seed(who, episode, seed))
        records.append(_scored(who, worlds, episode, played, its))
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
        who.policy().reset(env.outlook(), np.random.default_rng(0))


def policy_seed(who: Method, episode: int, seed: int) -> np.random.SeedSequence:
    """The seed of a method's own randomness in one episode; it does not depend on who else takes part."""
    return np.random.SeedSequence([seed, episode, int(digest(who.name, who.train_seed), 16)])


def references(worlds: Worlds, episode: int, cache_dir: Path) -> References:
    """Floor and ceiling of one episode, computed once and kept by content."""
    path = references_path(worlds.name(), episode, cache_dir)
    kept = read_references(path)
    if kept is None:
        kept = compute_references(worlds, episode)
        write_json(path, asdict(kept))
    return kept


def references_path(worlds_name: str, episode: int, cache_dir: Path) -> Path:
    """Where the references of an episode are kept."""
    return cache_dir / "references" / f"{digest(worlds_name, episode)}.json"


def read_references(path: Path) -> References | None:
    """What was kept there, or None where there is nothing that can be used."""
    kept = read_json(path)
    return None if kept is None else References(**kept)


def compute_references(worlds: Worlds, episode: int) -> References:
    """Floor and ceiling of one episode."""
    floor = Method(FLOOR)
    env = environment(worlds.scenario, worlds.recording)
    played = run_episode(floor.policy(), env, worlds.split, episode, policy_seed(floor, episode, 0))
    return References(float(played["total_cost"] or 0.0), _bound_cost(env, worlds.bound))


@cache
def environment(scenario: str, recording: str | None) -> Any:  # noqa: ANN401 - ClusterEnv, imported only when used
    """The environment of a scenario in this process; whoever uses it resets it first."""
    from wattward.envs.interfaces.cluster_env import ClusterEnv

    here = given(scenario, recording)
    if here is not None:
        return ClusterEnv(here[0], recording=here[1])
    return ClusterEnv(scenario, recording=recorded(recording, scenario) if recording else None)


def _bound_cost(env: Any, precision: Precision) -> float:  # noqa: ANN401 - ClusterEnv
    from wattward.baselines.bound.bound import bound

    return float(bound(env.params, env.world, precision=precision).total_cost)


def _scored(who: Method, worlds: Worlds, episode: int, played: Mapping[str, Value], against: References) -> Record:
    cost, floor, ceiling = float(played["total_cost"] or 0.0), against.run_on_arrival_cost, against.bound_cost
    earned = float(scores.score(*(np.asarray(yuan) for yuan in (cost, floor, ceiling))))
    return {
        "method": who.name,
        "train_seed": who.train_seed,
        "learned": int(who.learned),
        "submitted": int(who.factory is not None),
        "scenario": worlds.scenario,
        "split": worlds.split,
        "recorded": int(worlds.recording is not None),
        "episode": episode,
        "score": earned if np.isfinite(earned) else None,
        "saving": 1.0 - cost / floor,
        "run_on_arrival_cost": floor,
        "bound_cost": ceiling,
        **played,
    }
