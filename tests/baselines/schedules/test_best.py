"""The best known schedule of an episode, and its replay in the simulator."""

from __future__ import annotations

import numpy as np
import pytest

from wattward.baselines import registry
from wattward.baselines.bound.bound import bound
from wattward.baselines.rules.run_on_arrival import RunOnArrival
from wattward.baselines.schedules.best import Best, Effort, best_schedule
from wattward.baselines.schedules.replay import ScheduleReplay
from wattward.configs import load_scenario, names
from wattward.configs.schema.scenario import Scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.episode import play_episode
from wattward.envs.policy.protocol import Policy

LITTLE = Effort(sweeps=2, rounds_per_job=2, passes=2)


def short(name: str, days: float = 2.0) -> Scenario:
    return load_scenario(name).model_copy(update={"episode_days": days})


def cost_of(env: ClusterEnv, policy: Policy, episode: int) -> float:
    rng = np.random.default_rng(0)
    return play_episode(policy, env, split="train", episode=episode, rng=rng).total_cost


@pytest.fixture(scope="module")
def pair() -> ClusterEnv:
    return ClusterEnv(short("zhejiang-xinjiang"))


@pytest.fixture(scope="module")
def found(pair: ClusterEnv) -> list[Best]:
    return [best_schedule(pair, "train", episode, LITTLE) for episode in range(2)]


def test_its_replay_costs_what_is_stated_and_what_the_search_took_it_to_cost(
    pair: ClusterEnv, found: list[Best]
) -> None:
    for episode, best in enumerate(found):
        assert best.schedule is not None
        assert cost_of(pair, ScheduleReplay(best.schedule), episode) == best.total_cost
        assert best.searched_cost == pytest.approx(best.total_cost, rel=1e-4)


def test_it_is_not_below_the_bound_and_below_every_rule(pair: ClusterEnv, found: list[Best]) -> None:
    for episode, best in enumerate(found):
        pair.reset(options={"split": "train", "episode": episode})
        assert best.total_cost >= bound(pair.params, pair.world).total_cost
        rules = {name: cost_of(pair, registry.make(name), episode) for name in registry.names()}
        assert best.total_cost < min(rules.values())


def test_it_comes_near_the_bound(pair: ClusterEnv, found: list[Best]) -> None:
    for episode, best in enumerate(found):
        floor = cost_of(pair, RunOnArrival(), episode)
        lowest = bound(pair.params, pair.world).total_cost
        assert (floor - best.total_cost) / (floor - lowest) > 0.75


def test_it_is_the_same_every_time(found: list[Best]) -> None:
    again = best_schedule(ClusterEnv(short("zhejiang-xinjiang")), "train", 1, LITTLE)
    assert again.total_cost == found[1].total_cost
    assert again.schedule is not None and found[1].schedule is not None
    np.testing.assert_array_equal(again.schedule.held_gpus, found[1].schedule.held_gpus)


@pytest.mark.parametrize("name", ["toy", *(name for name in names("scenarios") if name != "toy")])
def test_every_scenario_has_one(name: str) -> None:
    env = ClusterEnv(short(name, 0.5))
    best = best_schedule(env, "train", 0, Effort(sweeps=1, rounds_per_job=1, passes=1))
    assert best.total_cost <= cost_of(env, RunOnArrival(), 0)
    assert best.total_cost >= bound(env.params, env.world).total_cost


def test_a_diagnostic_replays_it() -> None:
    assert ScheduleReplay.sees == "everything"
