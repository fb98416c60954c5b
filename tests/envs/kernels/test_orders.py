"""Orders for jobs in the compiled step: balances, modes as orders, moves, limits, ranks and the net for due jobs."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.envs.checks.balances import assert_conserves, random_params, random_world
from wattward.envs.checks.plain_site import plain_params, plain_world
from wattward.envs.decisions.action import Mode
from wattward.envs.decisions.jobs import write_orders
from wattward.envs.decisions.modes import offers_of_modes
from wattward.envs.model.types import IN_TRANSIT, Exogenous, Params
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.simulator.simulator import Simulator, Snapshot

N_STEPS = 40
ENDLESS_GPU_H = 1e6


def obey(simulator: Simulator, orders: Orders) -> None:
    simulator.advance(source=write_orders(orders, simulator.fleet))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_regions=st.integers(1, 6), n_jobs=st.integers(0, 120), extended=st.booleans())
def test_every_step_by_orders_balances(seed: int, n_regions: int, n_jobs: int, *, extended: bool) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, N_STEPS, extended=extended)
    world = random_world(rng, params, n_jobs, extended=extended)
    simulator = Simulator(params)
    simulator.load(0, world)
    for _ in range(N_STEPS):
        before, present = simulator.save(), int(simulator.state.n_active[0])
        ranks = rng.random(present) if rng.random() < 0.5 else None
        run_due = bool(rng.random() < 0.5)
        obey(simulator, Orders(rng.integers(STAY, n_regions, present), rank=ranks, run_due=run_due))
        assert_conserves(params, world, before, simulator.state, simulator.flows)
        np.testing.assert_allclose(simulator.class_gpu_h.sum(axis=2), simulator.flows.done_gpu_h, atol=1e-12)


def dispatched(simulator: Simulator, modes: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Orders:
    """The orders that the dispatcher gives for some modes; the simulator is left as it was.

    The true work left is made endless for this, so that no job ends and leaves the queue. The dispatcher never looks
    at it.
    """
    before = simulator.save()
    n_jobs = int(before.env["n_active"][0])
    simulator.fleet.queue["left_gpu_h"][0, :n_jobs] = ENDLESS_GPU_H
    simulator.step(offers_of_modes(modes))
    after = simulator.fleet.queue[0, : int(simulator.state.n_active[0])]
    rows = {int(row["number"]): row for row in after}
    jobs = [rows[int(number)] for number in before.queue["number"][0, :n_jobs]]
    sent = [
        row["status"] == IN_TRANSIT and was != IN_TRANSIT
        for row, was in zip(jobs, before.queue["status"][0, :n_jobs], strict=True)
    ]
    runs = np.array([row["alloc_gpus"] > 0.0 for row in jobs], dtype=bool) & ~np.array(sent, dtype=bool)
    region = np.array([row["region"] for row in jobs], dtype=np.int64)
    limits = np.array([row["alloc_gpus"] if run else row["limit_gpus"] for row, run in zip(jobs, runs, strict=True)])
    simulator.restore(before)
    return Orders(np.where(runs | np.array(sent, dtype=bool), region, STAY), limit_gpus=limits, run_due=True)


def assert_same_state(one: Snapshot, two: Snapshot) -> None:
    for name in Snapshot._fields:
        left, right = getattr(one, name), getattr(two, name)
        if name in ("env", "regions", "queue"):
            count = int(one.env["n_active"][0])
            left, right = (left[:, :count], right[:, :count]) if name == "queue" else (left, right)
            of_orders = {"ordered", "runs_due", "limited", "ranked", "order", "limit_gpus", "rank", "asked_gpus"}
            scratch = {"own_share", "others_share", "surplus_only", "cap_gpus", "own_gpus", "free_gpus"}
            for field in set(left.dtype.names) - of_orders - scratch:
                np.testing.assert_array_equal(left[field], right[field], err_msg=f"{name}.{field}")
        else:
            np.testing.assert_array_equal(left, right, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_regions=st.integers(1, 5), n_jobs=st.integers(0, 80))
def test_modes_are_orders_bit_for_bit(seed: int, n_regions: int, n_jobs: int) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, N_STEPS)
    world = random_world(rng, params, n_jobs)
    by_modes, by_orders = Simulator(params), Simulator(params)
    by_modes.load(0, world)
    by_orders.load(0, world)
    for _ in range(N_STEPS):
        modes = rng.integers(0, len(Mode), (1, n_regions))
        orders = dispatched(by_orders, modes)
        by_modes.step(offers_of_modes(modes))
        obey(by_orders, orders)
        assert_same_state(by_modes.save(), by_orders.save())


MALLEABLE, RIGID = 0, 1


def started(params: Params, world: Exogenous) -> Simulator:
    simulator = Simulator(params)
    simulator.load(0, world)
    return simulator


def held_gpus(simulator: Simulator) -> list[float]:
    """GPUs held by the jobs of the queue in the last step, by number."""
    state, n_jobs = simulator.state, int(simulator.state.n_active[0])
    return [float(gpus) for _, gpus in sorted(zip(state.job_number[0, :n_jobs], state.job_alloc_gpus[0], strict=False))]


def test_a_job_that_waits_past_its_deadline_is_late_unless_the_net_is_asked_for() -> None:
    params = plain_params(3, late_cost_per_gpu_h_per_h=1.0)
    world = plain_world(params, [(0, 1, MALLEABLE, 4.0, 4.0)])
    for run_due, late_gpu_h in ((False, 4.0), (True, 0.0)):
        simulator = started(params, world)
        obey(simulator, Orders(np.array([STAY]), run_due=run_due))
        assert simulator.flows.late_gpu_h[0, 0] == late_gpu_h
        assert simulator.flows.due_gpus[0, 0] == (4.0 if run_due else 0.0)


def test_contested_gpus_go_to_the_least_slack_or_as_the_policy_ranks() -> None:
    params = plain_params(20)
    world = plain_world(params, [(0, 9, RIGID, 6.0, 6.0), (0, 12, RIGID, 6.0, 60.0)])
    both = np.array([0, 0])
    for rank, holds in ((None, [0.0, 6.0]), (np.array([0.0, 1.0]), [6.0, 0.0])):
        simulator = started(params, world)
        obey(simulator, Orders(both, rank=rank))
        given = simulator.flows.held_gpus[0, 0]
        assert given == 6.0
        present = simulator.state.job_number[0, : int(simulator.state.n_active[0])].tolist()
        assert (1 in present and 0 in present) if rank is None else present == [1]
        assert held_gpus(simulator)[-1] == holds[1]


def test_a_running_rigid_job_is_not_displaced_by_less_slack() -> None:
    params = plain_params(20)._replace(class_preemptible=np.array([[True, True]]))
    world = plain_world(params, [(0, 19, RIGID, 6.0, 60.0), (1, 3, RIGID, 6.0, 6.0)])
    simulator = started(params, world)
    obey(simulator, Orders(np.array([0])))
    obey(simulator, Orders(np.array([0, 0])))
    assert held_gpus(simulator) == [6.0, 0.0]
    obey(simulator, Orders(np.array([0, 0]), rank=np.array([0.0, 1.0])))
    assert held_gpus(simulator) == [0.0]


def test_limits_bind_malleable_jobs_only() -> None:
    params = plain_params(20)
    world = plain_world(params, [(0, 19, MALLEABLE, 5.0, 50.0), (0, 19, RIGID, 4.0, 40.0)])
    simulator = started(params, world)
    obey(simulator, Orders(np.array([0, 0]), limit_gpus=np.array([2.0, 1.0])))
    assert held_gpus(simulator) == [2.0, 4.0]


def test_a_held_order_goes_on_and_new_jobs_wait() -> None:
    params = plain_params(20)
    world = plain_world(params, [(0, 19, MALLEABLE, 2.0, 50.0), (1, 19, MALLEABLE, 2.0, 50.0)])
    simulator = started(params, world)
    simulator.advance(hold=3, source=write_orders(Orders(np.array([0])), simulator.fleet))
    assert held_gpus(simulator) == [2.0, 0.0]


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        (Orders(np.array([0])), "run_in must hold 2 integers, one for each of the jobs; got shape (1,) of int64"),
        (
            Orders(np.array([0.0, 1.0])),
            "run_in must hold 2 integers, one for each of the jobs; got",
        ),
        (Orders(np.array([0, 1])), "run_in must lie in -1..0, got [0, 1]"),
        (Orders(np.array([0, -2])), "run_in must lie in -1..0, got [0, -2]"),
        (Orders(np.array([0, 0]), limit_gpus=np.array([np.nan, 1.0])), "limit_gpus must not hold NaN"),
        (Orders(np.array([0, 0]), rank=np.array(["a", "b"])), "rank must hold 2 numbers, one for each of the jobs"),
        (Orders(np.array([0, 0]), store_orders=np.array([1])), "store_orders must hold 0 integers"),
    ],
)
def test_wrong_orders_are_refused_and_nothing_changes(orders: Orders, words: str) -> None:
    params = plain_params(20)
    simulator = started(params, plain_world(params, [(0, 19, MALLEABLE, 5.0, 50.0), (0, 19, RIGID, 4.0, 40.0)]))
    before = simulator.save()
    with pytest.raises(ValueError, match=re.escape(words)):
        obey(simulator, orders)
    assert all((one == two).all() for one, two in zip(before, simulator.save(), strict=True))
