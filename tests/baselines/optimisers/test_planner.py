"""The planner that searches over modes with the simulator, and the futures that it imagines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wattward.baselines.bound.bound import bound
from wattward.baselines.optimisers.planner import Planner
from wattward.baselines.optimisers.rollouts import Imagined, forecast_worlds, true_world
from wattward.baselines.registry import make
from wattward.configs import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.checks.balances import assert_conserves
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import Flows
from wattward.envs.policy.protocol import Policy

SMALL = {"n_plans": 48, "rounds": 2, "samples": 1}


def short(name: str, days: float) -> Scenario:
    return load_scenario(name).model_copy(update={"episode_days": days})


def total_cost(env: ClusterEnv, policy: Policy, episode: int = 0) -> float:
    env.reset(options={"split": "train", "episode": episode})
    policy.reset(env.outlook(), np.random.default_rng(episode))
    total, ended = 0.0, False
    while not ended:
        before = env.save()
        _, _, ended, _, info = env.step(policy.act(env.outlook()))
        assert_conserves(env.params, env.world, before, env.state, env.flows)
        total += info["total_cost"]
    return total


def perfect(scenario: Scenario) -> Scenario:
    """Forecasts, estimates and arrivals without surprise: nothing more arrives."""
    silent = {"jobs_per_day": (0.0,) * scenario.n_regions, "estimate_sigma": 0.0}
    classes = tuple(job_class.model_copy(update=silent) for job_class in scenario.job_classes)
    forecast = scenario.forecast.model_copy(update={"skill": 1.0})
    return scenario.model_copy(update={"job_classes": classes, "forecast": forecast})


def test_what_is_imagined_comes_true_where_nothing_is_uncertain() -> None:
    env = ClusterEnv(perfect(short("zhejiang-xinjiang", 2.0)))
    env.reset(options={"split": "train", "episode": 0})
    for _ in range(10):
        env.step(np.array([Mode.RUN, Mode.RUN]))
    steps = 40
    worlds = forecast_worlds(env.outlook(), steps, np.random.default_rng(0), 1)
    futures = Imagined(env.outlook(), worlds, 4, left_price=0.5)
    plans = np.broadcast_to(np.arange(4)[:, None, None], (4, 1, 2))
    expected = futures.play(plans, np.array([steps]))
    start = env.save()
    for mode in Mode:
        env.restore(start)
        found = sum(env.step(np.full(2, mode))[4]["total_cost"] for _ in range(steps))
        # heat is as now in what is imagined, and the air is not
        assert expected[mode] == pytest.approx(found, rel=0.01)


def test_what_is_known_in_hindsight_comes_true_to_the_yuan() -> None:
    env = ClusterEnv(short("zhejiang-xinjiang", 2.0))
    env.reset(options={"split": "train", "episode": 0})
    for _ in range(10):
        env.step(np.array([Mode.RUN, Mode.HOLD]))
    steps, start = 40, env.save()
    outlook = env.outlook(perfect=True)
    futures = Imagined(outlook, [true_world(outlook, steps)], 4, left_price=0.0)
    expected = futures.play(np.broadcast_to(np.arange(4)[:, None, None], (4, 1, 2)), np.array([steps]))
    for mode in Mode:
        env.restore(start)
        found = sum(env.step(np.full(2, mode))[4]["total_cost"] for _ in range(steps))
        settled = futures.terminal_paid[mode]
        assert expected[mode] - settled == pytest.approx(found, rel=1e-9)


def test_searching_leaves_the_environment_as_it_was() -> None:
    env = ClusterEnv(short("zhejiang-xinjiang", 2.0))
    env.reset(options={"split": "train", "episode": 1})
    for _ in range(30):
        env.step(np.array([Mode.RUN, Mode.PULL]))
    before, flows = env.save(), Flows._make(field.copy() for field in env.flows)
    planner = Planner(**SMALL, replan_h=0.25)
    planner.reset(env.outlook(), np.random.default_rng(0))
    planner.act(env.outlook())
    for ours, theirs in zip(env.save(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(env.flows, flows, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_same_generator_gives_the_same_plan() -> None:
    env = ClusterEnv(short("zhejiang-xinjiang", 1.0))
    assert total_cost(env, Planner(**SMALL)) == total_cost(env, Planner(**SMALL))


@pytest.mark.slow
def test_it_beats_running_on_arrival_and_never_the_bound() -> None:
    env = ClusterEnv(short("zhejiang-xinjiang", 3.0))
    plain, planned = total_cost(env, make("RunOnArrival")), total_cost(env, Planner(**SMALL))
    assert bound(env.params, env.world).total_cost <= planned < 0.97 * plain


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jinshuitan-microgrid", "western-hubs-direct-supply", "shanghai-grid-event"])
def test_it_plays_sites_that_have_everything(name: str) -> None:
    env = ClusterEnv(short(name, 0.5))
    planned = total_cost(env, Planner(**SMALL, horizon_h=6.0))
    assert planned >= bound(env.params, env.world).total_cost


def test_it_moves_work_out_of_a_cut_that_is_announced() -> None:
    """The region that is asked to cut holds or soaks; nothing else would be paid as well."""
    env = ClusterEnv(short("shanghai-grid-event", 1.0))
    env.reset(options={"split": "train", "episode": 0})
    start = int(np.flatnonzero(env.world.cut_kw[0, :, 0] > 0)[0])
    while env.steps_taken < start - 1:
        env.step(np.array([Mode.RUN, Mode.RUN]))
    planner: Any = Planner(n_plans=64, rounds=3, samples=1, horizon_h=3.0, replan_h=0.05)
    planner.reset(env.outlook(), np.random.default_rng(0))
    for _ in range(3):
        env.step(planner.act(env.outlook()))
    assert env.flows.cut_kw[0, 0] > 0.8 * env.flows.asked_cut_kw[0, 0]
