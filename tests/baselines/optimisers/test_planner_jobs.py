"""The planner that searches over schedules of the jobs present: small worlds by hand, and whole episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wattward.baselines.bound.bound import bound
from wattward.baselines.optimisers.planner_jobs import PlannerJobs
from wattward.baselines.registry import kind, make
from wattward.configs import load_scenario
from wattward.envs.checks.balances import assert_conserves, played_cost
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.registration import ENVIRONMENTS
from wattward.envs.model.types import RUNNING
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import sees_everything

OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]
ONE = {"longitude_deg": (120.0,)}
TUNING, TRAINING = 1, 2


def told(outlook: Outlook) -> Orders:
    policy = PlannerJobs()
    policy.reset(outlook, np.random.default_rng(0))
    return policy.act(outlook)


def short(name: str, days: float) -> ClusterEnv:
    scenario = load_scenario(name)
    return ClusterEnv(scenario.model_copy(update={"episode_days": min(days, scenario.episode_days)}))


def total_cost(env: ClusterEnv, episode: int) -> float:
    """Cost of an episode in which every step keeps the balances."""
    env.reset(options={"split": "train", "episode": episode})
    policy = make("Planner-jobs")
    policy.reset(env.outlook(), np.random.default_rng(episode))
    total, ended = 0.0, False
    while not ended:
        before = env.save()
        _, _, ended, _, info = env.step(policy.act(env.outlook()))
        assert_conserves(env.params, env.world, before, env.state, env.flows)
        total += info["total_cost"]
    return total


def test_a_job_waits_for_a_low_price_and_runs_when_it_is_there(outlook_of: OutlookOf, job_of: JobOf) -> None:
    falling = np.where(np.arange(48) < 4, 0.9, 0.2)[:, None]
    assert told(outlook_of([job_of(0, hours=2.0)], falling, **ONE)).run_in.tolist() == [STAY]
    assert told(outlook_of([job_of(0, hours=2.0)], falling[::-1], **ONE)).run_in.tolist() == [0]


def test_a_job_that_is_nearly_due_runs_at_any_price(outlook_of: OutlookOf, job_of: JobOf) -> None:
    falling = np.where(np.arange(48) < 4, 0.9, 0.2)[:, None]
    assert told(outlook_of([job_of(0, hours=2.0, due_h=2.5)], falling, **ONE)).run_in.tolist() == [0]


def test_rigid_jobs_are_packed_into_the_gpus_there_are(outlook_of: OutlookOf, job_of: JobOf) -> None:
    rising = np.where(np.arange(48) < 4, 0.2, 0.9)[:, None]
    gangs = [job_of(0, gpus=30.0, hours=2.0, due_h=10.0, job_class=TRAINING) for _ in range(4)]
    orders = told(outlook_of(gangs, rising, **ONE))
    assert sorted(orders.run_in.tolist()) == [STAY, STAY, 0, 0], "80 GPUs are left by requests"


def test_a_running_gang_is_not_paused_for_a_small_saving(outlook_of: OutlookOf, job_of: JobOf) -> None:
    dips = np.where(np.arange(48) < 1, 0.21, 0.2)[:, None]
    running = job_of(0, gpus=20.0, hours=3.0, job_class=TRAINING, status=RUNNING)
    assert told(outlook_of([running], dips, **ONE)).run_in.tolist() == [0]


def test_it_is_an_optimiser_that_sees_what_may_be_known() -> None:
    assert kind("Planner-jobs") == "optimiser"
    assert not sees_everything(make("Planner-jobs"))


@pytest.mark.parametrize("name", sorted({scenario for scenario in ENVIRONMENTS.values() if "random" not in scenario}))
def test_it_plays_every_scenario_and_keeps_the_balances(name: str) -> None:
    env = short(name, 0.25)
    assert total_cost(env, 0) >= bound(env.params, env.world).total_cost


def test_it_costs_less_than_mpc_and_the_same_every_time() -> None:
    env = short("zhejiang-xinjiang", 3.0)
    costs = [total_cost(env, episode) for episode in range(2)]
    assert costs[0] == total_cost(env, 0)
    assert sum(costs) < sum(played_cost(env, make("MPC-24"), "train", episode) for episode in range(2))
