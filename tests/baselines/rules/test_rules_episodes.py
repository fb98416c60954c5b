from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wattward.baselines import make, names
from wattward.baselines.registry import JOB_RULES
from wattward.envs.checks.balances import toy_optimum_cost
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.orders import Orders


@pytest.fixture(scope="module")
def toy() -> ClusterEnv:
    return ClusterEnv("toy")


@pytest.fixture(scope="module")
def pair() -> ClusterEnv:
    return ClusterEnv("zhejiang-xinjiang")


def told(decision: Any) -> list[int]:
    return np.asarray(decision.run_in if isinstance(decision, Orders) else decision).tolist()


def play(env: ClusterEnv, name: str, episode: int, steps: int) -> tuple[list[list[int]], float]:
    policy = make(name)
    env.reset(options={"split": "train", "episode": episode})
    policy.reset(env.outlook(), np.random.default_rng(episode))
    chosen, total_cost = [], 0.0
    for _ in range(steps):
        decision = policy.act(env.outlook())
        chosen.append(told(decision))
        total_cost += env.step(decision)[-1]["total_cost"]
    return chosen, total_cost


def check(name: str, chosen: list[list[int]], steps: int) -> None:
    assert len(chosen) == steps
    if name in JOB_RULES:
        assert {order for step in chosen for order in step} <= {-1, 0, 1}
    else:
        assert np.isin(chosen, list(Mode)).all() and np.shape(chosen) == (steps, 2)


@pytest.mark.parametrize("name", [*names(), "LowestWindow-voted", "GreedyReservation-voted", "PeakOffset-modes"])
def test_every_rule_plays_a_toy_episode_to_the_end(toy: ClusterEnv, name: str) -> None:
    chosen, total_cost = play(toy, name, 0, toy.scenario.n_steps)
    check(name, chosen, toy.scenario.n_steps)
    assert total_cost > 0
    kpis = toy.kpis()
    assert kpis["unfinished_gpu_h"] == kpis["late_gpu_h"] == 0


@pytest.mark.parametrize("name", names())
def test_every_rule_plays_a_day_between_zhejiang_and_xinjiang(pair: ClusterEnv, name: str) -> None:
    chosen, total_cost = play(pair, name, 1, 96)
    check(name, chosen, 96)
    assert np.isfinite(total_cost)


@pytest.mark.parametrize("name", [*names(), "CarbonTime-voted"])
def test_an_episode_leaves_no_trace_in_the_policy(toy: ClusterEnv, name: str) -> None:
    """An episode after another costs what it costs a fresh policy."""
    policy, fresh = make(name), play(toy, name, 3, toy.scenario.n_steps)
    for episode in (2, 3):
        toy.reset(options={"split": "train", "episode": episode})
        policy.reset(toy.outlook(), np.random.default_rng(episode))
        again = []
        for _ in range(toy.scenario.n_steps):
            decision = policy.act(toy.outlook())
            again.append(told(decision))
            toy.step(decision)
    assert again == fresh[0]


def test_price_rules_save_on_the_toy(toy: ClusterEnv) -> None:
    def mean_total_cost(name: str) -> float:
        return float(np.mean([play(toy, name, episode, toy.scenario.n_steps)[1] for episode in range(8)]))

    on_arrival = mean_total_cost("RunOnArrival")
    for name in (
        "CheapestNow",
        "WaitAwhile",
        "LowestWindow",
        "CarbonTime",
        "Threshold-0.3",
        "GreedyReservation",
        "LACS",
    ):
        assert mean_total_cost(name) < on_arrival, name


def test_reservations_find_the_best_place_and_time_of_the_toy(toy: ClusterEnv) -> None:
    """Nothing limits the toy's jobs, and forecasts are exact: what is cheapest for each job is the optimum."""
    for episode in range(3):
        _, total_cost = play(toy, "GreedyReservation", episode, toy.scenario.n_steps)
        assert total_cost == pytest.approx(toy_optimum_cost(toy.params, toy.world), rel=0.02)
