"""What an episode costs at least and at first: its hindsight bound and its floor, computed once and kept by content."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wattward.configs.digests import digest
from wattward.configs.files import read_json, write_json
from wattward.envs.policy.episode import play_episode
from wattward.experiments.evaluation.methods import Method, policy_seed
from wattward.experiments.evaluation.worlds import Worlds, environment

FLOOR = "RunOnArrival"
"""The rule whose cost is score 0."""


@dataclass(frozen=True)
class References:
    """What an episode costs under RunOnArrival and at the hindsight bound [yuan]."""

    run_on_arrival_cost: float
    bound_cost: float


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
    from wattward.baselines.bound.bound import bound

    env, who = environment(worlds.scenario, worlds.recording), Method(FLOOR)
    rng = np.random.default_rng(policy_seed(who, episode, 0))
    floor = play_episode(who.policy(), env, split=worlds.split, episode=episode, rng=rng)
    ceiling = bound(env.params, env.world, precision=worlds.bound)
    return References(floor.total_cost, float(ceiling.total_cost))
