"""Model predictive control, on worlds small enough to check by hand; and planners against the bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wattward.baselines import make, names
from wattward.baselines.bound.bound import bound
from wattward.baselines.demand import N_SLACKS, items_present, items_to_come, true_items_to_come, work_of
from wattward.baselines.optimisers import mpc_program
from wattward.configs import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.checks.balances import assert_conserves, played_cost
from wattward.envs.decisions.action import Mode, StoreOrder
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.registration import ENVIRONMENTS
from wattward.envs.policy.outlook import Outlook

HOLD, SOAK, RUN, PULL = Mode.HOLD, Mode.SOAK, Mode.RUN, Mode.PULL
TUNING = 1
PLANNERS = ("MPC-24", "MPC-48", "MPC-24-perfect")
AGAINST_THE_BOUND = (*PLANNERS, "GreedyReservation", "CapacityCurve", "LowestSlot", "CarbonClipper")
OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]
ONE = {"longitude_deg": (120.0,)}


def modes(name: str, outlook: Outlook) -> list[int]:
    policy = make(name)
    policy.reset(outlook, np.random.default_rng(0))
    chosen = policy.act(outlook)
    assert chosen.dtype == np.int64
    return chosen.tolist()


def short(name: str, days: float) -> ClusterEnv:
    scenario = load_scenario(name)
    return ClusterEnv(scenario.model_copy(update={"episode_days": min(days, scenario.episode_days)}))


# model predictive control


def test_pooled_ways_pull_the_same_work(outlook_of: OutlookOf, job_of: JobOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """What many regions are planned by gives, for two, the modes of the plan that traces every group."""
    price = np.array([[0.42, 0.4], [0.9, 0.9]])
    full = [job_of(0, gpus=20.0, hours=2.0, due_h=4.0) for _ in range(16)]
    traced = [modes("MPC-24", outlook_of(waiting, price)) for waiting in (full, full[:1])]
    monkeypatch.setattr(mpc_program, "MOST_TRACED", 0)
    assert [modes("MPC-24", outlook_of(waiting, price)) for waiting in (full, full[:1])] == traced
    assert traced[0] == [RUN, PULL]


@pytest.mark.parametrize("name", PLANNERS)
def test_work_waits_for_the_cheap_hour_and_runs_in_it(name: str, outlook_of: OutlookOf, job_of: JobOf) -> None:
    falling, rising = np.array([[0.9], [0.9], [0.1]]), np.array([[0.1], [0.9]])
    waiting = [job_of(0, gpus=40.0, hours=2.0, due_h=12.0)]
    assert modes(name, outlook_of(waiting, falling, **ONE)) == [HOLD]
    assert modes(name, outlook_of(waiting, rising, **ONE)) == [RUN]
    no_time = [job_of(0, gpus=40.0, hours=2.0, due_h=2.0)]
    assert modes(name, outlook_of(no_time, falling, **ONE)) == [HOLD]  # what is due runs whatever the mode


@pytest.mark.parametrize("name", PLANNERS)
def test_work_that_does_not_fit_where_it_lies_is_pulled(name: str, outlook_of: OutlookOf, job_of: JobOf) -> None:
    """80 GPUs are free in each region and the work of one is due in an hour: all of it needs 160."""
    price = np.array([[0.42, 0.4], [0.9, 0.9]])
    full = [job_of(0, gpus=20.0, hours=2.0, due_h=4.0) for _ in range(16)]
    assert modes(name, outlook_of(full, price)) == [RUN, PULL]
    assert modes(name, outlook_of(full[:1], price))[1] != PULL  # moving a job costs more than its power


@pytest.mark.parametrize("name", PLANNERS)
def test_surplus_is_soaked_up_while_the_grid_is_dear(name: str, outlook_of: OutlookOf, job_of: JobOf) -> None:
    """Sun of 40 kW covers 20 kW of requests and 20 of the 80 kW that waiting work could draw."""
    sun = np.array([[40.0]] * 2 + [[0.0]] * 5)
    price = np.array([[0.9]] * 6 + [[0.1]])
    waiting = [job_of(0, gpus=10.0, hours=2.0, due_h=40.0) for _ in range(8)]
    assert modes(name, outlook_of(waiting, price, sun_kw=sun, **ONE)) == [SOAK]


def test_a_plan_does_not_pass_the_peak_for_a_small_saving(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """All at once would draw 80 kW more; spread over the day hardly any, at 1 yuan a kW of peak."""
    price = np.array([[0.50]] + [[0.51]] * 30)
    waiting = [job_of(0, gpus=80.0, hours=1.0, due_h=20.0)]
    last_day = {"n_steps": 24, **ONE}
    assert modes("MPC-24", outlook_of(waiting, price, **last_day)) == [HOLD]
    assert modes("MPC-24", outlook_of(waiting, np.array([[0.1]] + [[2.0]] * 30), **last_day)) == [RUN]


def test_curves_say_what_can_and_what_must_be_done(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """10 GPUs for 3 h, due in 5 h: by the end of hours 1 to 6 at least 0, 0, 10, 20, 30, 30 GPU-h."""
    items = items_present(outlook_of([job_of(0, gpus=10.0, hours=3.0, due_h=5.0)], (0.5,), **ONE))
    work = work_of(items, 1, np.arange(1.0, 7.0))
    assert work.can_gpu_h.sum(axis=0).tolist() == [10, 20, 30, 30, 30, 30]
    assert work.must_gpu_h.sum(axis=0).tolist() == [0, 0, 10, 20, 30, 30]
    assert work.can_gpu_h.shape == (N_SLACKS, 6)
    assert work.can_gpu_h[1:].sum() == 0  # 2 h of slack are the first group's


def test_expected_arrivals_are_the_law_and_true_ones_the_world() -> None:
    """Over a whole week, expected and drawn work agree within the spread of 12 episodes."""
    env = ClusterEnv("zhejiang-xinjiang")
    expected, drawn = [], []
    for episode in range(12):
        env.reset(options={"split": "train", "episode": episode})
        outlook = env.outlook()
        expected.append(items_to_come(outlook, 168, 4).work_gpu_h.sum())
        drawn.append(true_items_to_come(outlook, env.world, outlook.n_steps).work_gpu_h.sum())
    assert np.mean(drawn) == pytest.approx(np.mean(expected), rel=0.1)


def test_only_the_diagnostic_sees_the_future() -> None:
    env = ClusterEnv("zhejiang-xinjiang")
    env.reset(options={"split": "train", "episode": 0})
    outlook, perfect = env.outlook(), env.outlook(perfect=True)
    leads = slice(0, outlook.n_leads)
    world = env.world
    truth = world.sun_kw[0, leads] + world.wind_kw[0, leads] + world.hydro_kw[0, leads]
    np.testing.assert_allclose(perfect.green_forecast_kw, truth)
    np.testing.assert_allclose(perfect.interactive_forecast_gpus, world.interactive_gpus[0, leads])
    assert not np.allclose(outlook.interactive_forecast_gpus, perfect.interactive_forecast_gpus)
    assert "MPC-24-perfect" not in names()


def test_stores_are_ordered_where_a_scenario_hands_them_over() -> None:
    env = short("jinshuitan-microgrid", 1.0)
    env.reset(options={"split": "train", "episode": 0})
    policy = make("MPC-24")
    policy.reset(env.outlook(), np.random.default_rng(0))
    orders = set()
    for _ in range(env.scenario.n_steps):
        action = policy.act(env.outlook())
        assert action.shape == (env.scenario.n_regions + env.scenario.n_stores,)
        orders |= set(action[env.scenario.n_regions :].tolist())
        env.step(action)
    assert {StoreOrder.CHARGE, StoreOrder.DISCHARGE} <= orders


def test_each_of_many_stores_gets_its_own_order(many_stores: Scenario) -> None:
    """Three of four take orders: the batteries and the chilled water, not the UPS. The plan keeps what is possible."""
    env = ClusterEnv(many_stores)
    env.reset(options={"split": "train", "episode": 0})
    policy = make("MPC-24")
    policy.reset(env.outlook(), np.random.default_rng(0))
    orders = []
    for _ in range(env.scenario.n_steps):
        action, before = policy.act(env.outlook()), env.save()
        assert action.shape == (2 + 3,)
        orders.append(action[2:])
        env.step(action)
        assert_conserves(env.params, env.world, before, env.state, env.flows)
    assert all({StoreOrder.CHARGE, StoreOrder.DISCHARGE} <= set(told) for told in np.transpose(orders).tolist())
    assert (np.ptp(orders, axis=1) > 0).any(), "stores are told different things at once"


# all of them on all scenarios


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_no_planner_costs_less_than_the_bound(env_id: str) -> None:
    env = short(ENVIRONMENTS[env_id], 1.0)
    costs = {name: played_cost(env, make(name), "train", 3) for name in AGAINST_THE_BOUND}
    least = bound(env.params, env.world).total_cost
    assert {name: cost for name, cost in costs.items() if cost < least} == {}


@pytest.mark.slow
def test_planning_beats_the_threshold_rule() -> None:
    env = ClusterEnv("zhejiang-xinjiang")
    mean_cost = {
        n: np.mean([played_cost(env, make(n), "train", e) for e in range(3)]) for n in ("MPC-24", "Threshold-pull-0.5")
    }
    assert mean_cost["MPC-24"] < mean_cost["Threshold-pull-0.5"]
