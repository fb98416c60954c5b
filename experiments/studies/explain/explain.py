"""Explains agents on validation episodes: when they run work, which fields they use, and where they still lose."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wattward.baselines.bound.bound import bound
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.region import Region
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import COST_TERMS, Floats, Ints
from wattward.envs.policy.episode import play_episode
from wattward.envs.policy.protocol import Policy
from wattward.envs.world.family import refuse_family
from wattward.experiments.common.plotting import DAY_H
from wattward.experiments.evaluation import trajectory as replay
from wattward.experiments.evaluation.methods import Method, method, policy_seed
from wattward.experiments.evaluation.playing import FLOOR, environment
from wattward.experiments.evaluation.trajectory import hours_of
from wattward.experiments.studies.explain.facts import (
    BOUND,
    CLOCK,
    PLANNER,
    RANK_EDGES,
    RULE,
    SPLIT,
    SURPLUS_EDGES,
    Agent,
    Explanation,
    Played,
    Runs,
    Setting,
    Shares,
)
from wattward.experiments.studies.explain.importance import importances

SELDOM = 0.005
"""Bins with a smaller share of a region's room than this are left empty."""

MOST_REGIONS = 3
Tick = Callable[[str], None]


def explain(
    checkpoints: Sequence[str], scenario: str, episodes: int, planner_episodes: int, tick: Tick = lambda _: None
) -> Explanation:
    """Plays agents, rules, the planner and the bound on validation episodes 0..episodes-1.

    Args:
        checkpoints: folders. Several folders of one agent are its training seeds.
        scenario: name or file of the scenario.
        episodes: number of episodes that all methods except the planner play; at least two.
        planner_episodes: number of episodes that the planner plays, counted from the first.
        tick: called with a description of what is played next.

    Raises:
        ConfigError: a checkpoint or the scenario cannot be used, or there are fewer than two episodes.
    """
    agents = agents_of(checkpoints)
    if episodes < 2:
        raise ConfigError(f"--episodes {episodes}: must be 2 or more, so that a field can come from another episode")
    env: ClusterEnv = environment(scenario, None)
    refuse_family(env.scenario, "an explanation")
    first = min(planner_episodes, episodes)
    tick("settings")
    settings = [setting_of(env, episode) for episode in range(episodes)]
    runs = _runs(agents, env, episodes, tick)
    floor_cost = np.array([did.total_cost for did in runs[FLOOR][0]])
    told = [_agent(name, seeds, env, runs, floor_cost, tick) for name, seeds in agents.items()]
    brief = {name: [run[:first] for run in by_seed] for name, by_seed in runs.items()}
    brief[PLANNER] = [[_planner(env, episode, tick) for episode in range(first)]]
    names = [_label(region) for region in env.scenario.regions]
    return Explanation(
        scenario=env.scenario.name,
        title=env.scenario.title,
        currency=env.scenario.currency,
        timezone=env.scenario.timezone,
        regions=tuple(names),
        drawn=_drawn(runs[FLOOR][0]),
        episodes=episodes,
        planned=first,
        agents=told,
        shares={name: shares(settings, by_seed) for name, by_seed in runs.items()},
        price_per_kwh=np.stack(
            [np.concatenate([s.price_per_kwh[s.hour == h] for s in settings]).mean(axis=0) for h in range(24)]
        ),
        settings=settings[:first],
        runs=brief,
    )


def agents_of(checkpoints: Sequence[str]) -> dict[str, list[Method]]:
    """Groups checkpoints by agent, one method for each training seed.

    Raises:
        ConfigError: a folder is not a checkpoint, or is named twice.
    """
    found: dict[str, list[Method]] = {}
    for text in dict.fromkeys(checkpoints):
        who = method(text)
        if not who.learned:
            raise ConfigError(f"{text}: is no checkpoint; must be the folder of a trained agent")
        found.setdefault(who.name, []).append(who)
    return found


def _runs(agents: dict[str, list[Method]], env: ClusterEnv, episodes: int, tick: Tick) -> Runs:
    runs: Runs = {}
    tick(BOUND)
    runs[BOUND] = [[planned(env, episode) for episode in range(episodes)]]
    rules = {name: [Method(name)] for name in (RULE, CLOCK, FLOOR)}
    for name, seeds in {**agents, **rules}.items():
        tick(name)
        runs[name] = [[_play(who, who.policy(), env, episode) for episode in range(episodes)] for who in seeds]
    return runs


def _play(who: Method, policy: Policy, env: ClusterEnv, episode: int) -> Played:
    return play(policy, env, episode, policy_seed(who, episode, 0))


def _planner(env: ClusterEnv, episode: int, tick: Tick) -> Played:
    from wattward.baselines.optimisers.hindsight import HindsightPlanner

    tick(f"{PLANNER}, episode {episode}")
    return _play(Method(PLANNER), HindsightPlanner(), env, episode)


def _agent(name: str, seeds: list[Method], env: ClusterEnv, runs: Runs, floor_cost: Floats, tick: Tick) -> Agent:
    total_cost = np.array([[did.total_cost for did in run] for run in runs[name]])
    saving = 1.0 - float(total_cost.sum() / (floor_cost.sum() * len(seeds)))
    return Agent(name, len(seeds), saving, importances(seeds, env, SPLIT, floor_cost, tick))


def _drawn(on_arrival: Sequence[Played]) -> tuple[int, ...]:
    work = np.sum([did.work_gpus.sum(axis=0) for did in on_arrival], axis=0)
    return tuple(sorted(int(r) for r in np.argsort(-work, kind="stable")[:MOST_REGIONS]))


def _label(region: Region) -> str:
    return f"{region.name} ({region.site.province})" if region.site.province else region.name


def play(policy: Policy, env: ClusterEnv, episode: int, seed: np.random.SeedSequence) -> Played:
    """Plays a validation episode to its end and keeps every step."""
    rng = np.random.default_rng(seed)
    did = play_episode(policy, env, split=SPLIT, episode=episode, rng=rng, keep=("flows",))
    flows = did.flows
    return Played(flows.busy_gpus, flows.grid_kw, {term: did.costs[term] for term in COST_TERMS})


def planned(env: ClusterEnv, episode: int) -> Played:
    """The plan of the hindsight bound in a validation episode."""
    env.reset(options={"split": SPLIT, "episode": episode})
    plan = bound(env.params, env.world)
    return Played(plan.work_gpu_h / float(env.params.step_h[0]), plan.grid_kw, plan.costs)


def setting_of(env: ClusterEnv, episode: int) -> Setting:
    """What all methods meet in a validation episode. RunOnArrival plays it; its modes do not affect the result."""
    from wattward.baselines import registry

    rng, policy = np.random.default_rng(0), registry.make(FLOOR)
    did = play_episode(policy, env, split=SPLIT, episode=episode, rng=rng, keep=("observations", "outlooks"))
    met = replay.setting_of(env)
    rank = [env.views(seen)["price_rank"][:, 0].astype(np.float64) for seen in did.observations]
    surplus = [seen.surplus_forecast_gpus[0] / met.fleet_gpus for seen in did.outlooks]
    steps = slice(0, did.n_steps)
    room = env.world.fleet_gpus[0, steps] - env.world.interactive_gpus[0, steps]
    return Setting(
        hours_of(met), met.price_per_kwh, np.stack(rank), np.stack(surplus), np.maximum(room, 0.0), met.step_h
    )


def shares(settings: Sequence[Setting], runs: Sequence[Sequence[Played]]) -> Shares:
    """When a method runs deferrable work, as shares of the room.

    Args:
        settings: the episodes.
        runs: for each training seed, the played episodes in the order of `settings`.
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
    """Indices of the bins of price rank and of surplus, each shape (T, R)."""
    rank = np.searchsorted(RANK_EDGES, setting.price_rank, side="right")
    surplus = np.searchsorted(SURPLUS_EDGES, setting.surplus_share, side="left")
    return rank.astype(np.int64), surplus.astype(np.int64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0.0)
