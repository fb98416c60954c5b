"""What agents learned: when they run work, what they look at, and where they still lose, on validation episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wattward.configs import ConfigError
from wattward.configs.schema.region import Region
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import Floats
from wattward.envs.policy.protocol import Policy
from wattward.envs.world.family import refuse_family
from wattward.experiments.evaluation.evaluate import FLOOR, environment, policy_seed
from wattward.experiments.evaluation.methods import Method, method
from wattward.experiments.studies.explain.behaviour import (
    BOUND,
    Played,
    Setting,
    Shares,
    planned,
    play,
    setting_of,
    shares,
)
from wattward.experiments.studies.explain.importance import Importance, importances

CLOCK, RULE, PLANNER = "PeakOffset", "Threshold-pull-0.5", "HindsightPlanner"
MOST_REGIONS = 3
MOST_LEVELS = 6
"""Up to this many prices in a region each is a band of its own; else the bands hold equal shares of the time."""
Tick = Callable[[str], None]
Runs = dict[str, list[list[Played]]]
"""By method: once a training seed, the episodes in their order."""


@dataclass(frozen=True)
class Agent:
    """A learned method: its training seeds, what it saves, and what its fields are worth to it."""

    name: str
    seeds: int
    saving: float
    fields: list[Importance]


@dataclass(frozen=True)
class Explanation:
    """All that pictures and tables show of a scenario."""

    scenario: str
    title: str
    currency: str  # of all costs and prices
    timezone: str  # of all hours
    regions: tuple[str, ...]  # (R,)
    drawn: tuple[int, ...]  # regions shown: those where most deferrable work runs on arrival
    episodes: int
    planned: int  # the first of them, also played by the planner
    agents: list[Agent]
    shares: dict[str, Shares]  # by method, over all episodes
    price_per_kwh: Floats  # (24, R) mean by hour
    settings: list[Setting]  # of the first `planned` episodes
    runs: Runs  # likewise


def explain(
    checkpoints: Sequence[str], scenario: str, episodes: int, planner_episodes: int, tick: Tick = lambda _: None
) -> Explanation:
    """Plays agents, rules, the planner and the bound on validation episodes 0..episodes-1.

    Args:
        checkpoints: folders; those of one agent are its training seeds.
        scenario: by name or file.
        episodes: played by everyone but the planner; two at least.
        planner_episodes: the first of them, which the planner plays too.
        tick: told what is played next.

    Raises:
        ConfigError: a checkpoint or the scenario cannot be used, or there are fewer episodes than two.
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
    """Training seeds by agent.

    Raises:
        ConfigError: one is no checkpoint, or is named twice.
    """
    found: dict[str, list[Method]] = {}
    for text in dict.fromkeys(checkpoints):
        who = method(text)
        if not who.learned:
            raise ConfigError(f"{text}: is no checkpoint; must be the folder of a trained agent")
        found.setdefault(who.name, []).append(who)
    return found


def bands(explanation: Explanation, region: int) -> Floats:
    """Upper ends of a region's price bands, ascending [currency/kWh]."""
    price = np.concatenate([setting.price_per_kwh[:, region] for setting in explanation.settings]).round(4)
    levels = np.unique(price)
    if levels.size > MOST_LEVELS:
        levels = np.unique(np.quantile(price, np.arange(1, MOST_LEVELS) / (MOST_LEVELS - 1)))
    return np.asarray(levels, dtype=np.float64)


def bought_kwh(explanation: Explanation, name: str, region: int) -> Floats:
    """Energy bought in each of a region's price bands, a mean of training seeds and episodes [kWh]."""
    ends, runs = bands(explanation, region), explanation.runs[name]
    bought = np.zeros(ends.size)
    for run in runs:
        for setting, did in zip(explanation.settings, run, strict=True):
            price = setting.price_per_kwh[:, region].round(4)
            band = np.minimum(np.searchsorted(ends, price - 1e-9), ends.size - 1)
            np.add.at(bought, band, did.grid_kw[:, region] * setting.step_h)
    mean: Floats = bought / (len(runs) * len(explanation.settings))
    return mean


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
    return _play(Method(PLANNER), HindsightPlanner(env), env, episode)


def _agent(name: str, seeds: list[Method], env: ClusterEnv, runs: Runs, floor_cost: Floats, tick: Tick) -> Agent:
    total_cost = np.array([[did.total_cost for did in run] for run in runs[name]])
    saving = 1.0 - float(total_cost.sum() / (floor_cost.sum() * len(seeds)))
    return Agent(name, len(seeds), saving, importances(seeds, env, floor_cost, tick))


def _drawn(on_arrival: Sequence[Played]) -> tuple[int, ...]:
    work = np.sum([did.work_gpus.sum(axis=0) for did in on_arrival], axis=0)
    return tuple(sorted(int(r) for r in np.argsort(-work, kind="stable")[:MOST_REGIONS]))


def _label(region: Region) -> str:
    return f"{region.name} ({region.site.province})" if region.site.province else region.name


def picture_paths(scenario: str, out: Path) -> tuple[Path, Path]:
    """Where the two pictures of a scenario go: when agents run work, and what they look at."""
    return out / f"learned-{scenario}-when.png", out / f"learned-{scenario}-fields.png"
