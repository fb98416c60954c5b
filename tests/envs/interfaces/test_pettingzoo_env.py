"""One agent a region: PettingZoo's own checks, and the same world as the single environment's."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo.test import parallel_api_test, parallel_seed_test

from wattward.configs import ConfigError, load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.pettingzoo_env import ParallelClusterEnv
from wattward.envs.model.types import COST_TERMS

NAMES = ("toy", "zhejiang-xinjiang", "eight-hubs")


def shortened(name: str) -> Scenario:
    return load_scenario(name).model_copy(update={"episode_days": 0.5})


@pytest.mark.parametrize("name", NAMES)
def test_it_is_as_pettingzoo_wants_it(name: str) -> None:
    env = ParallelClusterEnv(shortened(name))
    parallel_api_test(env, num_cycles=100)
    observations, _ = env.reset(seed=0)
    assert list(observations) == env.agents == env.possible_agents == [one.name for one in shortened(name).regions]
    assert [agent for agent in env.agents if not env.observation_space(agent).contains(observations[agent])] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_episode(name: str) -> None:
    make = partial(ParallelClusterEnv, shortened(name))
    parallel_seed_test(make, num_cycles=10)
    one, other = make(), make()
    first, again, different = (env.reset(seed=seed)[0] for env, seed in ((one, 3), (other, 3), (one, 4)))
    assert [agent for agent in first if (first[agent] != again[agent]).any()] == []
    assert any((first[agent] != different[agent]).any() for agent in first)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_modes_cost_the_same_as_in_the_single_environment(name: str) -> None:
    scenario, rng = shortened(name), np.random.default_rng(0)
    team, single = ParallelClusterEnv(scenario, reward="saving"), ClusterEnv(scenario, reward="saving")
    options = {"split": "validation", "episode": 2}
    _, infos = team.reset(options=options)
    first, info = single.reset(options=options)
    assert infos == dict.fromkeys(team.agents, info) and len(infos) == scenario.n_regions
    np.testing.assert_array_equal(team.state(), first)
    done = False
    while not done:
        modes = rng.integers(4, size=scenario.n_regions)
        _, rewards, terminations, truncations, infos = team.step(dict(zip(team.agents, modes, strict=True)))
        observation, reward, done, _, info = single.step(modes)
        np.testing.assert_array_equal(team.state(), observation)
        assert set(rewards.values()) == {reward} and set(terminations.values()) == {done}
        assert set(truncations.values()) == {False}
        assert {own["team_cost"] for own in infos.values()} == {info["total_cost"]}
        for term in ("total_cost", *COST_TERMS):
            assert sum(own[term] for own in infos.values()) == pytest.approx(info[term], abs=1e-6)
    assert team.agents == [] and all(own["kpis"] == info["kpis"] for own in infos.values())


def test_each_agent_sees_its_own_region_and_what_the_others_are_like() -> None:
    env = ParallelClusterEnv("eight-hubs")
    seen, _ = env.reset(seed=3)
    fields = {name: field for name, field in env.cluster.fields.items() if field.ndim == 2}
    blocks = np.concatenate(list(fields.values()), axis=1)
    width = blocks.shape[1]
    clock = env.state()[: env.state().size - blocks.size]
    for r, name in enumerate(env.agents):
        others = np.delete(blocks, r, axis=0)
        assert seen[name].shape == env.observation_space(name).shape == (clock.size + 3 * width,)
        expected = np.concatenate([clock, blocks[r], others.mean(axis=0, dtype=np.float64), others.max(axis=0)])
        np.testing.assert_allclose(seen[name], expected, rtol=1e-6, atol=1e-7)


def test_a_lone_region_sees_nothing_of_others() -> None:
    env = ParallelClusterEnv("pinghu-chilled-water")
    (view,) = env.reset(seed=0)[0].values()
    np.testing.assert_array_equal(view[: env.state().size], env.state())
    assert view.size > env.state().size and not view[env.state().size :].any()


def test_an_agent_orders_its_own_stores() -> None:
    team, single = ParallelClusterEnv("jinshuitan-microgrid"), ClusterEnv("jinshuitan-microgrid")
    with_battery, without = team.possible_agents
    assert team.action_space(with_battery) == spaces.MultiDiscrete([4, 4])
    assert team.action_space(without) == spaces.Discrete(4)
    team.reset(seed=1)
    single.reset(seed=1)
    rng, discharged_kw = np.random.default_rng(0), 0.0
    for _ in range(40):
        here, there, order = rng.integers(4, size=3)
        infos = team.step({with_battery: np.array([here, order]), without: there})[4]
        info = single.step(np.array([here, there, order]))[4]
        assert infos[without]["team_cost"] == info["total_cost"]
        discharged_kw += float(single.flows.discharge_kw.sum())
    assert discharged_kw > 0.0


def test_wrong_actions_are_refused() -> None:
    env = ParallelClusterEnv("toy")
    with pytest.raises(ValueError, match=re.escape("call reset()")):
        env.step({})
    env.reset(seed=0)
    east, west = env.agents
    with pytest.raises(ValueError, match="one for each of"):
        env.step({east: 0})
    with pytest.raises(ValueError, match=f"action of '{west}' must be of Discrete"):
        env.step({east: 0, west: np.array([1, 2])})
    with pytest.raises(ValueError, match=re.escape("modes must lie in 0..3")):
        env.step({east: 0, west: 4})


def test_a_family_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"one agent a region needs one scenario, such as random-2x0"):
        ParallelClusterEnv("random-2")
