"""The descent over an episode's modes in hindsight."""

from __future__ import annotations

import numpy as np
import pytest

from wattward import baselines
from wattward.baselines.bound.bound import bound
from wattward.envs.checks.balances import toy_optimum_cost
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.experiments.studies.gap.local_search import Actions, descend, executed

pytestmark = pytest.mark.slow


def played(env: ClusterEnv, actions: Actions) -> float:
    env.reset(options={"split": "train", "episode": 0})
    return sum(float(env.step(action)[4]["total_cost"]) for action in actions)


@pytest.mark.parametrize("scenario", ["toy", "random-3x1"])
def test_the_descent_costs_what_its_modes_cost_and_never_more_than_before(scenario: str) -> None:
    env = ClusterEnv(scenario)
    actions, cost_before = executed(env, baselines.make("Threshold-pull-0.5-voted"), "train", 0)
    block = max(1, round(6.0 / env.scenario.step_h))
    better, cost = descend(env, actions, block=block, widths=(2, 1))
    assert cost == pytest.approx(played(env, better), rel=1e-12)
    assert cost <= played(env, actions[np.arange(len(actions)) // block * block]) + 1e-9
    assert played(env, actions) == pytest.approx(cost_before, rel=1e-12)
    assert cost >= bound(env.params, env.world).total_cost


def test_the_toy_is_solved() -> None:
    env = ClusterEnv("toy")
    actions, _ = executed(env, baselines.make("RunOnArrival"), "train", 0)
    _, cost = descend(env, actions, block=1)
    assert cost <= 1.02 * toy_optimum_cost(env.params, env.world)
