"""What rules for jobs share: prices, windows, plans, packing and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wattward.baselines.rules.memory import ByJob
from wattward.baselines.rules.packing import pack, room_now
from wattward.baselines.rules.plans import (
    JobSteps,
    Plan,
    Plans,
    cannot_wait,
    cheapest_steps,
    job_steps,
    sets_off,
    window_totals,
)
from wattward.baselines.rules.prices import grid_rate, marginal_rate, move_cost, surplus_gpus_now, transit_steps
from wattward.envs.model.types import IN_TRANSIT, RUNNING
from wattward.envs.policy.orders import STAY
from wattward.envs.policy.outlook import Outlook

TUNING, TRAINING = 1, 2
ONE = {"longitude_deg": (120.0,)}
OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]


def test_surplus_makes_a_share_of_the_waiting_work_free(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """Sun of 40 kW leaves 20 kW beyond requests, half of what 40 waiting GPUs draw."""
    jobs = [job_of(0, gpus=30.0), job_of(0, gpus=10.0), job_of(0, gpus=50.0, status=IN_TRANSIT)]
    outlook = outlook_of(jobs, (0.6,), sun_kw=40.0, carbon=0.5, **ONE)
    assert grid_rate(outlook)[0].tolist() == [0.6] and grid_rate(outlook, "carbon")[0].tolist() == [0.5]
    assert marginal_rate(outlook)[0] == pytest.approx([0.3])
    assert marginal_rate(outlook, "carbon")[0] == pytest.approx([0.25])
    assert surplus_gpus_now(outlook).tolist() == [20.0]


def test_a_move_costs_its_data_and_takes_their_time(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """1 a GB; the links carry 1,000 GB a step, and what fits into a step is there at once."""
    jobs = [job_of(0, due_h=3.0, data_gb=5.0), job_of(1, due_h=4.0, data_gb=1000.0), job_of(0, data_gb=2500.0)]
    outlook = outlook_of(jobs)
    assert move_cost(outlook).tolist() == [[0.0, 5.0], [1000.0, 0.0], [0.0, 2500.0]]
    assert transit_steps(outlook).tolist() == [[0, 0], [0, 0], [0, 3]]


def test_steps_are_limited_by_the_deadline_the_horizon_and_the_end(outlook_of: OutlookOf, job_of: JobOf) -> None:
    jobs = [job_of(0, hours=2.5, due_h=4.0), job_of(0, hours=4.0, due_h=40.0), job_of(0, due_h=-2.0)]
    steps = job_steps(outlook_of(jobs, (0.5,), **ONE))
    assert (steps.needed.tolist(), steps.left.tolist()) == ([1, 3, 4], [1, 4, 25])
    assert steps.latest_start.tolist() == [0, 1, 21]
    near_the_end = outlook_of(jobs, (0.5,), n_steps=4, **ONE)
    assert job_steps(near_the_end).left.tolist() == [1, 4, 4]
    assert cannot_wait(near_the_end).tolist() == [True, False, True]


def test_windows_end_at_the_latest_start_and_go_on_at_the_mean(outlook_of: OutlookOf) -> None:
    totals = window_totals(np.array([[1.0, 2.0, 6.0]]), np.array([2]), np.array([2]))
    assert totals.tolist() == [[3.0, 8.0, 9.0]]  # the last: 6 and the mean 3
    assert window_totals(np.array([[1.0, 2.0, 6.0]]), np.array([2]), np.array([0])).tolist() == [[3.0, np.inf, np.inf]]


def test_the_cheapest_steps_are_before_the_deadline() -> None:
    rate = np.array([[0.3, 0.1, 0.2, 0.0], [0.3, 0.3, 0.3, 0.3]])
    chosen = cheapest_steps(rate, JobSteps(np.array([2, 2]), np.array([3, 4])))
    assert chosen.tolist() == [[False, True, True, False], [True, True, False, False]]


def test_plans_are_followed_by_number_and_end_at_their_last_step() -> None:
    plans = Plans(4)
    assert plans.is_missing(np.array([3, 200])).all()
    runs = np.array([[False, True, False, True], [True, False, False, False]])
    plans.add(np.array([200, 3]), 10, Plan(np.array([1, 0]), runs))
    numbers = np.array([3, 200])
    assert plans.place(numbers).tolist() == [0, 1] and not plans.is_missing(numbers).any()
    followed = [plans.runs_at(numbers, step).tolist() for step in range(10, 16)]
    assert followed == [[True, False], [True, True], [True, False], [True, True], [True, True], [True, True]]
    assert plans.ahead(numbers, 12).tolist() == [[False] * 4, [False, True, False, False]]
    assert not plans.ahead(np.array([7]), 12).any()


def test_a_job_leaves_when_its_data_need_the_time(outlook_of: OutlookOf, job_of: JobOf) -> None:
    plans, runs = Plans(25), np.zeros((1, 25), np.bool_)
    runs[0, 5] = True
    plans.add(np.array([0]), 0, Plan(np.array([1]), runs))
    transit = np.array([[0, 2]])
    off = [bool(sets_off(plans, outlook_of([job_of(0)], step=step), transit)[0]) for step in range(5)]
    assert off == [False, False, False, True, True]
    assert not sets_off(plans, outlook_of([job_of(1)], step=4), transit).any(), "it is there"


def test_packing_serves_running_rigid_jobs_first_then_deadlines(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """80 GPUs are free."""
    jobs = [
        job_of(0, gpus=50.0, due_h=3.0, job_class=TUNING),
        job_of(0, gpus=40.0, due_h=4.0),
        job_of(0, gpus=50.0, due_h=9.0, job_class=TRAINING, status=RUNNING),
    ]
    outlook = outlook_of(jobs)
    room, everyone = room_now(outlook), np.ones(3, np.bool_)
    assert room.tolist() == [80.0, 80.0]
    packed = pack(outlook, everyone, np.array([0]), room)
    assert (packed.run_in.tolist(), packed.gpus.tolist()) == ([STAY, 0, 0], [0.0, 30.0, 50.0])
    packed = pack(outlook, everyone, np.array([0, 1]), room)
    assert (packed.run_in.tolist(), packed.gpus.tolist()) == ([1, 0, 0], [50.0, 30.0, 50.0])
    whole = pack(outlook, everyone, np.array([0, STAY]), room, whole=True)
    assert whole.run_in.tolist() == [STAY, STAY, 0] and room.tolist() == [80.0, 80.0]


def test_jobs_that_cannot_wait_run_whether_or_not_they_were_packed(outlook_of: OutlookOf, job_of: JobOf) -> None:
    outlook = outlook_of([job_of(0, hours=2.0, due_h=2.0), job_of(1, due_h=5.0)])
    orders = pack(outlook, np.zeros(2, np.bool_), np.array([0]), room_now(outlook)).orders(outlook)
    assert orders.run_in.tolist() == [0, STAY] and orders.run_due
    assert orders.limit_gpus is not None and orders.limit_gpus.tolist() == [10.0, 0.0]


def test_a_memory_grows_and_keeps_what_was_set() -> None:
    memory = ByJob(-1, dtype=np.int64)
    memory[np.array([2, 5])] = [7, 8]
    memory[np.array([900])] = 9
    assert memory[np.array([0, 2, 5, 899, 900, 5000])].tolist() == [-1, 7, 8, -1, 9, -1]
    rows = ByJob(np.nan, (2,))
    rows[np.array([70])] = np.array([[1.0, 2.0]])
    assert rows[np.array([70])].tolist() == [[1.0, 2.0]] and np.isnan(rows[np.array([71])]).all()
