from __future__ import annotations

import numpy as np
import pytest

from wattward.baselines import make, names
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv


@pytest.fixture(scope="module")
def toy() -> ClusterEnv:
    return ClusterEnv("toy")


@pytest.fixture(scope="module")
def pair() -> ClusterEnv:
    return ClusterEnv("zhejiang-xinjiang")


def play(env: ClusterEnv, name: str, episode: int, steps: int) -> tuple[list[list[int]], float]:
    policy = make(name)
    env.reset(options={"split": "train", "episode": episode})
    policy.reset(env.outlook(), np.random.default_rng(episode))
    chosen, total_cost = [], 0.0
    for _ in range(steps):
        modes = policy.act(env.outlook())
        chosen.append(modes.tolist())
        total_cost += env.step(modes)[-1]["total_cost"]
    return chosen, total_cost


@pytest.mark.parametrize("name", names())
def test_every_rule_plays_a_toy_episode_to_the_end(toy: ClusterEnv, name: str) -> None:
    chosen, total_cost = play(toy, name, 0, toy.scenario.n_steps)
    assert np.isin(chosen, list(Mode)).all() and np.shape(chosen) == (toy.scenario.n_steps, 2)
    assert total_cost > 0
    kpis = toy.kpis()
    assert kpis["unfinished_gpu_h"] == kpis["late_gpu_h"] == 0


@pytest.mark.parametrize("name", names())
def test_every_rule_plays_a_day_between_zhejiang_and_xinjiang(pair: ClusterEnv, name: str) -> None:
    chosen, total_cost = play(pair, name, 1, 96)
    assert np.isin(chosen, list(Mode)).all() and np.shape(chosen) == (96, 2)
    assert np.isfinite(total_cost)


@pytest.mark.parametrize("name", names())
def test_an_episode_leaves_no_trace_in_the_policy(toy: ClusterEnv, name: str) -> None:
    """An episode after another costs what it costs a fresh policy."""
    policy, fresh = make(name), play(toy, name, 3, toy.scenario.n_steps)
    for episode in (2, 3):
        toy.reset(options={"split": "train", "episode": episode})
        policy.reset(toy.outlook(), np.random.default_rng(episode))
        again = []
        for _ in range(toy.scenario.n_steps):
            modes = policy.act(toy.outlook())
            again.append(modes.tolist())
            toy.step(modes)
    assert again == fresh[0]


def test_price_rules_save_on_the_toy(toy: ClusterEnv) -> None:
    def mean_total_cost(name: str) -> float:
        return float(np.mean([play(toy, name, episode, toy.scenario.n_steps)[1] for episode in range(8)]))

    on_arrival = mean_total_cost("RunOnArrival")
    for name in ("CheapestNow", "WaitAwhile", "LowestWindow", "CarbonTime", "Threshold-0.3"):
        assert mean_total_cost(name) < on_arrival, name
