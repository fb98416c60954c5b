"""When methods run deferrable work: every step of an episode, beside what the step was like for everyone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wattward.baselines.bound.bound import bound
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import COST_TERMS, Floats, Ints
from wattward.envs.policy.protocol import Policy
from wattward.experiments.evaluation import trajectory as replay
from wattward.experiments.evaluation.evaluate import FLOOR
from wattward.experiments.studies.shift.average_day import DAY_H, hours_of

SPLIT = "validation"
BOUND = "bound's plan"
RANK_EDGES = (0.2, 0.4, 0.6, 0.8)
"""Between bins of the price's rank: the share of the coming day that is cheaper than now."""
SURPLUS_EDGES = (0.01, 0.25)
"""Between bins of surplus: GPUs that sun, wind and river could run beyond idle GPUs and requests / fleet."""
SELDOM = 0.005
"""Bins with less of a region's room than this say nothing."""


class Setting(NamedTuple):
    """What no policy changes in an episode of T steps in R regions."""

    hour: Ints  # (T,) of the day, by the scenario's clock
    price_per_kwh: Floats  # (T, R)
    price_rank: Floats  # (T, R) the observation's field
    surplus_share: Floats  # (T, R) of the fleet, as the observation's field where nothing is locked
    room_gpus: Floats  # (T, R) fleet in order less requests
    step_h: float


class Played(NamedTuple):
    """What one method did in an episode of T steps in R regions."""

    work_gpus: Floats  # (T, R) mean GPUs at deferrable work
    grid_kw: Floats  # (T, R)
    costs: dict[str, float]  # by COST_TERMS, all regions

    @property
    def total_cost(self) -> float:
        """All that the episode cost."""
        return sum(self.costs.values())


@dataclass(frozen=True)
class Shares:
    """Share of the room that deferrable work uses, over some episodes in R regions; NaN where there was hardly room."""

    by_kind: Floats  # (rank bins, surplus bins, R)
    by_hour: Floats  # (24, R)


def play(policy: Policy, env: ClusterEnv, episode: int, seed: np.random.SeedSequence) -> Played:
    """Plays a validation episode to its end and keeps every step."""
    env.reset(options={"split": SPLIT, "episode": episode})
    policy.reset(env.outlook(), np.random.default_rng(seed))
    work, grid = [], []
    costs = dict.fromkeys(COST_TERMS, 0.0)
    ended = False
    while not ended:
        _, _, ended, _, info = env.step(policy.act(env.outlook()))
        work.append(env.flows.busy_gpus[0].copy())
        grid.append(env.flows.grid_kw[0].copy())
        for term in costs:
            costs[term] += float(info[term])
    return Played(np.stack(work), np.stack(grid), costs)


def planned(env: ClusterEnv, episode: int) -> Played:
    """What the plan behind the hindsight bound does in a validation episode."""
    env.reset(options={"split": SPLIT, "episode": episode})
    plan = bound(env.params, env.world)
    return Played(plan.work_gpu_h / float(env.params.step_h[0]), plan.grid_kw, plan.yuan)


def setting_of(env: ClusterEnv, episode: int) -> Setting:
    """What everyone meets in a validation episode; it is stepped through with modes that do not matter."""
    from wattward import baselines

    env.reset(options={"split": SPLIT, "episode": episode})
    policy, met = baselines.make(FLOOR), replay.setting_of(env)
    policy.reset(env.outlook(), np.random.default_rng(0))
    rank, surplus = [], []
    ended = False
    while not ended:
        outlook = env.outlook()
        rank.append(env.fields["price_rank"][:, 0].astype(np.float64))
        surplus.append(outlook.surplus_forecast_kw[0] / outlook.kw_per_gpu / met.fleet_gpus)
        ended = env.step(policy.act(outlook))[2]
    steps = slice(0, len(rank))
    room = env.world.fleet_gpus[0, steps] - env.world.interactive_gpus[0, steps]
    return Setting(
        hours_of(met), met.price_per_kwh, np.stack(rank), np.stack(surplus), np.maximum(room, 0.0), met.step_h
    )


def shares(settings: Sequence[Setting], runs: Sequence[Sequence[Played]]) -> Shares:
    """When a method runs deferrable work.

    Args:
        settings: the episodes.
        runs: what it did in each of them, in their order, once a training seed.
    """
    regions = settings[0].room_gpus.shape[1]
    kinds = (len(RANK_EDGES) + 1, len(SURPLUS_EDGES) + 1, regions)
    work, room = np.zeros(kinds), np.zeros(kinds)
    work_by_hour, room_by_hour = np.zeros((DAY_H, regions)), np.zeros((DAY_H, regions))
    for run in runs:
        for setting, did in zip(settings, run, strict=True):
            place = (*bins_of(setting), np.broadcast_to(np.arange(regions), setting.room_gpus.shape))
            np.add.at(work, place, did.work_gpus)
            np.add.at(room, place, setting.room_gpus)
            np.add.at(work_by_hour, setting.hour, did.work_gpus)
            np.add.at(room_by_hour, setting.hour, setting.room_gpus)
    enough = room >= SELDOM * room.sum(axis=(0, 1))
    return Shares(_ratio(work, np.where(enough, room, 0.0)), _ratio(work_by_hour, room_by_hour))


def bins_of(setting: Setting) -> tuple[Ints, Ints]:
    """Bins of the price's rank and of surplus, each shape (T, R)."""
    rank = np.searchsorted(RANK_EDGES, setting.price_rank, side="right")
    surplus = np.searchsorted(SURPLUS_EDGES, setting.surplus_share, side="left")
    return rank.astype(np.int64), surplus.astype(np.int64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0.0)
