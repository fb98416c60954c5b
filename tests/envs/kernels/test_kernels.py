from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.envs.checks.balances import (
    assert_conserves,
    assert_due_work_runs,
    permute_regions,
    random_params,
    random_world,
    total_cost,
)
from wattward.envs.decisions.action import Mode
from wattward.envs.decisions.joint import joint_to_modes
from wattward.envs.decisions.modes import offers_of_modes
from wattward.envs.decisions.shares import offers_of_shares
from wattward.envs.model.types import COST_TERMS, Exogenous, Flows, Offers, Params
from wattward.envs.simulator.simulator import Simulator

N_STEPS = 48
seeds, region_counts, job_counts = st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 120)


def started(params: Params, world: Exogenous) -> Simulator:
    simulator = Simulator(params)
    simulator.load(0, world)
    return simulator


def copied(flows: Flows) -> Flows:
    return Flows(*(field.copy() for field in flows))


def random_offers(rng: np.random.Generator, n_regions: int, continuous: bool) -> Offers:
    if continuous:
        return offers_of_shares(rng.uniform(0.0, 1.0, (1, n_regions, 2)))
    return offers_of_modes(rng.integers(0, len(Mode), (1, n_regions)))


@settings(max_examples=60)
@given(seed=seeds, n_regions=region_counts, n_jobs=job_counts, continuous=st.booleans(), extended=st.booleans())
def test_every_step_balances(seed: int, n_regions: int, n_jobs: int, *, continuous: bool, extended: bool) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, N_STEPS, extended=extended)
    world = random_world(rng, params, n_jobs, extended=extended)
    simulator = started(params, world)
    for _ in range(N_STEPS):
        before = simulator.save()
        flows = simulator.step(random_offers(rng, n_regions, continuous))
        assert_conserves(params, world, before, simulator.state, flows)
        np.testing.assert_allclose(simulator.class_gpu_h.sum(axis=2), flows.done_gpu_h, rtol=1e-12, atol=1e-12)
        assert_due_work_runs(params, world, before.state, simulator.state, flows)


@settings(max_examples=30)
@given(seed=seeds, n_jobs=job_counts)
def test_an_episode_accounts_for_all_its_work_and_yuan(seed: int, n_jobs: int) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, 3, N_STEPS, extended=True)
    world = random_world(rng, params, n_jobs, extended=True)
    simulator = started(params, world)
    total = 0.0
    for _ in range(N_STEPS):
        total += float(total_cost(simulator.step(random_offers(rng, 3, False)))[0])
    tally, last = simulator.tally.total, simulator.flows
    came = tally.arrived_gpu_h.sum() + tally.restart_gpu_h.sum()
    assert came == pytest.approx(tally.done_gpu_h.sum() + last.waiting_gpu_h.sum() + last.transit_gpu_h.sum(), abs=1e-6)
    assert tally.arrived_gpu_h.sum() == pytest.approx(world.job_work_gpu_h[0, :n_jobs].sum(), abs=1e-6)
    assert total == pytest.approx(sum(getattr(tally, term).sum() for term in COST_TERMS), abs=1e-6)


@settings(max_examples=30)
@given(seed=seeds, n_regions=st.integers(2, 5), n_jobs=job_counts)
def test_permuting_regions_permutes_results(seed: int, n_regions: int, n_jobs: int) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, N_STEPS, extended=True)
    world = random_world(rng, params, n_jobs, extended=True)
    order = rng.permutation(n_regions)
    one, other = started(params, world), started(*permute_regions(params, world, order))
    # Two regions that soak both offer free power; who of them is asked first then depends on their numbers: one a step.
    modes = rng.choice([Mode.HOLD, Mode.RUN, Mode.PULL], (N_STEPS, 1, n_regions))
    modes[np.arange(N_STEPS), 0, rng.integers(0, n_regions, N_STEPS)] = Mode.SOAK
    for t in range(N_STEPS):
        flows = copied(one.step(offers_of_modes(modes[t])))
        permuted = other.step(offers_of_modes(modes[t][:, order]))
        for name in Flows._fields:
            a, b = getattr(flows, name)[:, order], getattr(permuted, name)
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=name)


@settings(max_examples=15)
@given(seed=seeds)
def test_a_batch_equals_its_environments_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, 2, N_STEPS)
    worlds = [random_world(rng, params, int(n)) for n in rng.integers(0, 90, 3)]
    batch = Simulator(Params(*(np.repeat(field, 3, axis=0) for field in params)))
    for b, world in enumerate(worlds):
        batch.load(b, world)
    singles = [started(params, world) for world in worlds]
    for _ in range(N_STEPS):
        modes = rng.integers(0, len(Mode), (3, 2))
        flows = copied(batch.step(offers_of_modes(modes)))
        for b, single in enumerate(singles):
            alone = single.step(offers_of_modes(modes[b : b + 1]))
            for name in Flows._fields:
                np.testing.assert_array_equal(getattr(flows, name)[b], getattr(alone, name)[0], err_msg=name)


def test_restoring_a_snapshot_replays_the_same_future() -> None:
    rng = np.random.default_rng(3)
    params = random_params(rng, 2, N_STEPS, extended=True)
    simulator = started(params, random_world(rng, params, 60, extended=True))
    modes = rng.integers(0, len(Mode), (N_STEPS, 1, 2))
    for t in range(20):
        simulator.step(offers_of_modes(modes[t]))
    snapshot = simulator.save()
    futures = []
    for _ in range(2):
        simulator.restore(snapshot)
        futures.append([total_cost(simulator.step(offers_of_modes(modes[t])))[0] for t in range(20, N_STEPS)])
    assert futures[0] == futures[1]
    assert simulator.tally.total.energy_cost.sum() != snapshot.tally.total.energy_cost.sum()


def one_job_world(**changes: float) -> tuple[Params, Exogenous]:
    """Two regions of 10 GPUs and no load; one rigid job of 4 GPUs and 2 GPU-h with 10 steps until its deadline."""
    rng = np.random.default_rng(0)
    params = random_params(rng, 2, 20)
    still = {
        "fleet_gpus": 10.0,
        "rigid_limit_gpus": 10.0,
        "wan_gb_per_step": 100.0,
        "gpu_idle_kw": 0.1,
        "gpu_busy_kw": 0.5,
    }
    params = params._replace(**{name: np.full((1, 2), value) for name, value in still.items()})
    world = random_world(rng, params, 1)
    zero = {name: np.zeros_like(getattr(world, name)) for name in ("sun_kw", "wind_kw", "hydro_kw", "interactive_gpus")}
    job = {"arrival_step": 0, "deadline_step": 10, "origin": 0, "class": 2, "gpus": 4.0, "work_gpu_h": 2.0}
    job |= {"estimate_gpu_h": 2.0, "data_gb": 10.0} | changes
    rows = {
        f"job_{name}": np.array([[value]]).astype(getattr(world, f"job_{name}").dtype) for name, value in job.items()
    }
    return params, world._replace(**zero, **rows)


def play(params: Params, world: Exogenous, *modes: tuple[int, int]) -> tuple[Simulator, list[Flows]]:
    simulator = started(params, world)
    return simulator, [copied(simulator.step(offers_of_modes(np.array([mode])))) for mode in modes]


def test_a_held_job_waits_until_it_is_due_and_then_meets_its_deadline() -> None:
    params, world = one_job_world()
    _, flows = play(params, world, *[(Mode.HOLD, Mode.HOLD)] * 12)
    # 2 GPU-h on 4 GPUs take two steps; the last that reach the deadline at step 10 are 8 and 9.
    assert [float(f.done_gpu_h.sum()) for f in flows] == [0.0] * 8 + [1.0, 1.0] + [0.0] * 2
    assert sum(f.late_gpu_h.sum() for f in flows) == 0.0


def test_pulling_moves_the_job_and_its_data() -> None:
    params, world = one_job_world()
    _, flows = play(params, world, (Mode.HOLD, Mode.PULL))
    assert flows[0].moved_gb.tolist() == [[10.0, 0.0]]
    assert flows[0].done_gpu_h.tolist() == [[0.0, 1.0]]
    assert flows[0].moved_out_gpu_h.tolist() == [[2.0, 0.0]]


def test_data_beyond_a_step_of_the_link_travel_first() -> None:
    params, world = one_job_world(data_gb=250.0)
    simulator, flows = play(params, world, *[(Mode.HOLD, Mode.PULL)] * 4)
    assert [float(f.transit_gpu_h[0, 1]) for f in flows] == [2.0, 2.0, 2.0, 0.0]
    assert [float(f.done_gpu_h[0, 1]) for f in flows] == [0.0, 0.0, 0.0, 1.0]
    assert simulator.state.wan_out_gb.sum() == 0.0


def test_a_stopped_gang_pays_its_restart() -> None:
    params, world = one_job_world(work_gpu_h=6.0, estimate_gpu_h=6.0)
    _, flows = play(params, world, (Mode.RUN, Mode.HOLD), (Mode.HOLD, Mode.HOLD), (Mode.RUN, Mode.HOLD))
    restart = float(params.class_restart_h[0, 2]) * 4.0
    assert [float(f.restart_gpu_h.sum()) for f in flows] == pytest.approx([0.0, 0.0, restart])


def test_soaking_runs_what_the_surplus_covers() -> None:
    params, world = one_job_world(**{"class": 0})
    params = params._replace(pue_base=np.ones((1, 2)), pue_slope_per_c=np.zeros((1, 2)))
    sun = world.sun_kw.copy()
    sun[:, 0, 0] = 1.0 + 0.4 * 3.0
    _, flows = play(params, world._replace(sun_kw=sun), (Mode.SOAK, Mode.SOAK), (Mode.SOAK, Mode.SOAK))
    assert [f.busy_gpus[0].tolist() for f in flows] == [pytest.approx([3.0, 0.0]), [0.0, 0.0]]
    assert flows[0].grid_kw[0, 0] == pytest.approx(0.0, abs=1e-9)


def test_late_work_stays_and_pays_until_it_is_done() -> None:
    params, world = one_job_world(deadline_step=1, **{"class": 0})
    _, flows = play(params, world, *[(Mode.RUN, Mode.HOLD)] * 4)
    assert [float(f.late_gpu_h.sum()) for f in flows] == [1.0, 0.0, 0.0, 0.0]
    slow, slow_world = one_job_world(deadline_step=1, work_gpu_h=4.0, **{"class": 0})
    _, flows = play(slow, slow_world, *[(Mode.RUN, Mode.HOLD)] * 4)
    rate = float(params.late_cost_per_gpu_h_per_h[0]) * 0.25
    assert [float(f.late_cost.sum()) for f in flows] == pytest.approx([0.0, 2.0 * rate, 1.0 * rate, 0.0])


def test_actions_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"modes must lie in 0\.\.3"):
        offers_of_modes(np.array([[0, 4]]))
    with pytest.raises(ValueError, match=r"shares must lie in 0\.\.1"):
        offers_of_shares(np.array([[[0.5, np.nan]]]))


def test_joint_actions_are_base_four_digits() -> None:
    assert joint_to_modes(np.array([0, 5, 14, 15]), 2).tolist() == [[0, 0], [1, 1], [3, 2], [3, 3]]
