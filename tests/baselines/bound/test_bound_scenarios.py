"""The bound holds against every rule on every registered scenario."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wattward.baselines.bound.bound import bound
from wattward.baselines.registry import RULES, make
from wattward.configs import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.checks.balances import played_cost
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.registration import ENVIRONMENTS

MOST_DAYS = 2.0


def short(name: str) -> ClusterEnv:
    scenario = load_scenario(name)
    return ClusterEnv(scenario.model_copy(update={"episode_days": min(MOST_DAYS, scenario.episode_days)}))


class RandomOrders:
    """Random modes, and random orders to stores where they take them."""

    name = "RandomOrders"

    def __init__(self, env: ClusterEnv) -> None:
        self._entries = env.action_space.nvec.size  # type: ignore[attr-defined]

    def reset(self, _: object, rng: np.random.Generator) -> None:
        self._rng = rng

    def act(self, _: object) -> np.ndarray[Any, np.dtype[np.int64]]:
        return self._rng.integers(0, 4, self._entries)


def assert_nothing_beats_the_bound(env: ClusterEnv) -> None:
    """No rule and no random orders in test episode 2."""
    env.reset(options={"split": "test", "episode": 2})
    least = bound(env.params, env.world).total_cost
    costs = {name: played_cost(env, make(name), "test", 2) for name in RULES}
    costs["random orders"] = played_cost(env, RandomOrders(env), "test", 2)
    assert {name: cost for name, cost in costs.items() if cost < least} == {}
    assert min(costs.values()) > 0.0 or least <= 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ENVIRONMENTS.values(), "shanghai-ups"])
def test_no_rule_costs_less_than_the_bound(name: str) -> None:
    assert_nothing_beats_the_bound(short(name))


def test_nothing_beats_the_bound_with_many_stores_at_a_site(many_stores: Scenario) -> None:
    assert_nothing_beats_the_bound(ClusterEnv(many_stores))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_no_rule_costs_less_on_random_scenarios(number: int) -> None:
    env = short(f"random-3x{number}")
    env.reset(options={"split": "test", "episode": 0})
    least = bound(env.params, env.world).total_cost
    assert {name for name in RULES if played_cost(env, make(name), "test", 0) < least} == set()
