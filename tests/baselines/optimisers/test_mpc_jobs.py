"""MPC per job: the least costs of jobs, small worlds checked by hand, and whole episodes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from wattward.baselines.bound.bound import bound
from wattward.baselines.optimisers.job_values import FRESH, GOING, PAUSED, Needs, Prices, job_costs
from wattward.baselines.optimisers.mpc_jobs import MpcJobs
from wattward.baselines.registry import make
from wattward.configs import load_scenario
from wattward.envs.checks.balances import assert_conserves, played_cost
from wattward.envs.decisions.action import StoreOrder
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.registration import ENVIRONMENTS
from wattward.envs.model.types import RUNNING
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import sees_everything

OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]
StepsOf = Callable[..., list[list[int]]]
ONE = {"longitude_deg": (120.0,)}
TUNING, TRAINING = 1, 2


def told(outlook: Outlook) -> Orders:
    policy = make("MPC-jobs")
    policy.reset(outlook, np.random.default_rng(0))
    orders = policy.act(outlook)
    assert isinstance(orders, Orders)
    return orders


def short(name: str, days: float) -> ClusterEnv:
    scenario = load_scenario(name)
    return ClusterEnv(scenario.model_copy(update={"episode_days": min(days, scenario.episode_days)}))


class AllSchedules:
    """The costs of one job by recursion over all decisions; its work is a whole number of steps."""

    def __init__(self, prices: Prices, needs: Needs, j: int) -> None:
        self.prices, self.job = prices, Needs._make(column[j] for column in needs)
        self.best = cache(self._best)

    def waits(self, t: int, region: int, state: int, units: int) -> float:
        return self._hold(t, units) + self.best(t + 1, region, FRESH if state == FRESH else PAUSED, units)

    def runs(self, t: int, region: int, state: int, units: int) -> float:
        restart = self.job.restart_gpu_h if state == PAUSED else 0.0
        return (self.job.step_gpu_h + restart) * self.prices.per_gpu_h[t, region] + self.ran(t, region, units)

    def ran(self, t: int, region: int, units: int) -> float:
        return self._hold(t, units - 1) + self.best(t + 1, region, GOING, units - 1)

    def leaves(self, t: int, there: int, state: int, units: int) -> float:
        steps = self.job.transit_steps[there]
        if t + steps > len(self.prices.per_gpu_h):
            return np.inf
        arrived = self.best(t + steps, there, FRESH if state == FRESH else PAUSED, units)
        return self.job.move_cost[there] + steps * self._hold(t, units) + arrived

    def _best(self, t: int, region: int, state: int, units: int) -> float:
        if units == 0 or t == len(self.prices.per_gpu_h):
            return units * self.job.step_gpu_h * self._left_price(region)
        ways = [self.runs(t, region, state, units)]
        if state != GOING or self.job.may_pause:
            ways.append(self.waits(t, region, state, units))
            if region == self.job.region:  # jobs move once
                others = set(range(len(self.job.move_cost))) - {region}
                ways += [self.leaves(t, there, state, units) for there in others]
        return min(ways)

    def _hold(self, t: int, units: int) -> float:
        late = self.prices.late_per_gpu_h_step if t >= self.job.due_step else 0.0
        return (self.prices.delay_per_gpu_h_step + late) * units * self.job.step_gpu_h

    def _left_price(self, region: int) -> float:
        late = self.job.due_step <= len(self.prices.per_gpu_h)
        return self.prices.left_per_gpu_h[region] + late * self.prices.late_left_per_gpu_h


@pytest.mark.parametrize("seed", range(4))
def test_costs_are_those_of_the_cheapest_of_all_schedules(seed: int) -> None:
    rng, n_jobs, n_regions, n_steps = np.random.default_rng(seed), 30, 3, 8
    region = rng.integers(n_regions, size=n_jobs)
    elsewhere = region[:, None] != np.arange(n_regions)
    prices = Prices(rng.uniform(0, 1, (n_steps, n_regions)), rng.uniform(0, 1, n_regions), 3.0, True, 0.2, 0.01)
    needs = Needs(
        region=region,
        state=rng.integers(3, size=n_jobs),
        may_pause=rng.random(n_jobs) < 0.6,
        steps=rng.integers(1, 6, size=n_jobs).astype(float),
        step_gpu_h=rng.uniform(1, 20, n_jobs),
        restart_gpu_h=rng.uniform(0, 10, n_jobs) * rng.integers(2, size=n_jobs),
        due_step=rng.integers(-2, 12, size=n_jobs),
        move_cost=elsewhere * rng.uniform(0, 4, (n_jobs, n_regions)),
        transit_steps=elsewhere * rng.integers(0, 4, (n_jobs, n_regions)),
    )
    costs = job_costs(prices, needs)
    for j in range(n_jobs):
        of, state, units = AllSchedules(prices, needs, j), needs.state[j], int(needs.steps[j])
        goes = [
            of.job.move_cost[r] + of.ran(0, r, units) if of.job.transit_steps[r] == 0 else of.leaves(0, r, state, units)
            for r in range(n_regions)
        ]
        assert costs.waits[j] == pytest.approx(of.waits(0, region[j], state, units))
        assert costs.goes[j] == pytest.approx(goes)


def test_work_that_the_horizon_cuts_off_is_late_by_what_is_beyond_its_deadline() -> None:
    """Two of three steps are left after the only one, and one of them is late: it costs half of its work for a step."""
    prices = Prices(np.full((1, 1), 1.0), np.array([0.5]), 9.0, False, 0.2, 0.0)
    one = np.ones(1)
    needs = Needs(
        region=np.array([0]),
        state=np.array([FRESH]),
        may_pause=np.array([True]),
        steps=3.0 * one,
        step_gpu_h=10.0 * one,
        restart_gpu_h=0.0 * one,
        due_step=np.array([2]),
        move_cost=np.zeros((1, 1)),
        transit_steps=np.zeros((1, 1), np.int64),
    )
    costs = job_costs(prices, needs)
    assert costs.goes[0, 0] == pytest.approx(20 * 0.5 + 0.5 * 10 * 0.2)
    assert costs.waits[0] == pytest.approx(30 * 0.5 + 0.5 * 2 * 20 * 0.2)


def test_jobs_wait_for_the_cheap_hours(outlook_of: OutlookOf, job_of: JobOf) -> None:
    falling, rising = np.array([[0.9]] * 3 + [[0.1]]), np.array([[0.1], [0.9]])
    waiting = [job_of(0, gpus=10.0, hours=2.0, due_h=12.0)]
    assert told(outlook_of(waiting, falling, **ONE)).run_in.tolist() == [STAY]
    assert told(outlook_of(waiting, rising, **ONE)).run_in.tolist() == [0]


def test_a_job_runs_through_the_hours_that_cost_it_least(steps_of: StepsOf, job_of: JobOf) -> None:
    """A malleable job takes hours 1 and 4. A rigid one would lose 15 minutes by a pause, so it takes hours 4 and 5."""
    price = np.array([[0.6], [0.2], [0.5], [0.5], [0.2], [0.25], [0.6]])
    malleable, rigid = job_of(0, hours=2.0, due_h=7.0), job_of(0, hours=2.0, due_h=7.0, job_class=TRAINING)
    assert steps_of("MPC-jobs", [malleable], price, 7, **ONE) == [[1, 4]]
    assert steps_of("MPC-jobs", [rigid], price, 7, **ONE) == [[4, 5]]


def test_deadlines_are_kept_where_waiting_would_be_cheaper(steps_of: StepsOf, job_of: JobOf) -> None:
    """Power is cheap from hour 10. One job is due in 4 hours, the other in 12."""
    price = np.array([[0.9]] * 10 + [[0.1]])
    (early,) = steps_of("MPC-jobs", [job_of(0, hours=2.0, due_h=4.0, job_class=TUNING)], price, 20, **ONE)
    (patient,) = steps_of("MPC-jobs", [job_of(0, hours=1.0, due_h=12.0, job_class=TUNING)], price, 20, **ONE)
    assert len(early) == 2 and early[-1] < 4 and patient == [10]


def test_a_due_job_moves_if_the_difference_in_price_pays_for_its_data(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """20 GPU-h save 0.8 each elsewhere. A GB costs 1, weighted twice: 16 are saved for 2 or for 20."""
    price = np.array([[0.9, 0.1]])
    light, heavy = ([job_of(0, gpus=10.0, hours=2.0, due_h=2.0, data_gb=gb)] for gb in (1.0, 10.0))
    assert told(outlook_of(light, price)).run_in.tolist() == [1]
    assert told(outlook_of(heavy, price)).run_in.tolist() == [0]


def test_a_running_rigid_job_goes_on_where_a_pause_would_save_less_than_a_restart(
    outlook_of: OutlookOf, job_of: JobOf
) -> None:
    price = np.array([[0.5]] + [[0.45]] * 30)
    going, new = (job_of(0, hours=2.0, job_class=TRAINING, status=status) for status in (RUNNING, 0))
    assert told(outlook_of([going], price, **ONE)).run_in.tolist() == [0]
    assert told(outlook_of([new], price, **ONE)).run_in.tolist() == [STAY]


def test_the_job_that_loses_most_by_waiting_gets_the_gpus(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """80 GPUs are free, and hour 0 is cheap. The job that is due in 2 hours would be late; the other would pay more."""
    price = np.array([[0.1]] + [[0.3]] * 30)
    waiting = [
        job_of(0, gpus=60.0, hours=3.0, due_h=3.0, job_class=TUNING),
        job_of(0, gpus=60.0, due_h=20.0, job_class=TUNING),
    ]
    orders = told(outlook_of(waiting, price, **ONE))
    assert orders.run_in.tolist() == [0, STAY]


def test_the_method_sees_what_may_be_known_and_plays_the_same_twice() -> None:
    env = short("zhejiang-xinjiang", 1.0)
    policy = make("MPC-jobs")
    assert not sees_everything(policy) and sees_everything(MpcJobs(perfect=True))
    assert played_cost(env, policy, "train", 0) == played_cost(env, policy, "train", 0)


def test_stores_are_ordered_and_everything_balances() -> None:
    env = short("jinshuitan-microgrid", 1.0)
    env.reset(options={"split": "train", "episode": 0})
    policy = make("MPC-jobs")
    policy.reset(env.outlook(), np.random.default_rng(0))
    told_to: set[int] = set()
    for _ in range(env.scenario.n_steps):
        orders, before = policy.act(env.outlook()), env.save()
        assert isinstance(orders, Orders) and orders.store_orders is not None
        told_to |= set(orders.store_orders.tolist())
        env.step(orders)
        assert_conserves(env.params, env.world, before, env.state, env.flows)
    assert {StoreOrder.CHARGE, StoreOrder.DISCHARGE} <= told_to


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_it_never_costs_less_than_the_bound(env_id: str) -> None:
    env = short(ENVIRONMENTS[env_id], 1.0)
    assert played_cost(env, make("MPC-jobs"), "train", 3) >= bound(env.params, env.world).total_cost


def test_jobs_take_the_gpus_that_surplus_power_runs_and_no_more(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """Sun of 40 kW covers 20 kW of requests and 20 GPUs. The grid is dear now and cheap in six hours."""
    sun = np.array([[40.0]] * 2 + [[0.0]] * 5)
    price = np.array([[0.9]] * 6 + [[0.1]])
    malleable = [job_of(0, gpus=10.0, hours=2.0, due_h=40.0) for _ in range(8)]
    orders = told(outlook_of(malleable, price, sun_kw=sun, **ONE))
    assert orders.limit_gpus is not None
    assert orders.limit_gpus[orders.run_in == 0].sum() == pytest.approx(20.0)
    rigid = [job_of(0, gpus=60.0, hours=2.0, due_h=40.0, job_class=TUNING)]
    assert told(outlook_of(rigid, price, sun_kw=sun, **ONE)).run_in.tolist() == [STAY]  # 40 of its GPUs would be dear
