"""The bound against optima known by hand, against weak duality, and against every policy that is played."""

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from wattward.baselines.bound.bound import Bound, bound
from wattward.baselines.lp import Builder, SolverError, safe_value, solve
from wattward.baselines.registry import make
from wattward.configs import load_scenario
from wattward.envs.checks.balances import permute_regions, random_params, random_world, total_cost, toy_optimum_cost
from wattward.envs.decisions.action import Mode
from wattward.envs.decisions.modes import offers_of_modes
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.equipment import no_constraints, plain_sites, quiet_world
from wattward.envs.model.params import make_params
from wattward.envs.model.types import COST_TERMS, NO_SIGNALS, Exogenous, Params
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.draw import draw
from wattward.envs.world.splits import episode_seed

ONE_JOB = {"arrival": 0, "deadline": 100, "origin": 0, "job_class": 0, "gpus": 4.0, "work": 4.0, "data": 0.0}


def hand_params(n_steps: int, n_regions: int = 1, **changed: Any) -> Params:
    """Ten GPUs of 1 kW a region, hourly steps, nothing but electricity and unfinished work costs anything."""
    each = np.ones((1, n_regions))
    values: dict[str, Any] = {
        "n_steps": np.array([n_steps]),
        "step_h": np.array([1.0]),
        "fleet_gpus": 10 * each,
        "rigid_limit_gpus": 10 * each,
        "gpu_idle_kw": 0 * each,
        "gpu_busy_kw": each,
        "pue_base": each,
        "pue_slope_per_c": 0 * each,
        "pue_free_c": 15 * each,
        "demand_charge_per_kw": 0 * each,
        "wan_gb_per_step": 100 * each,
        "wan_cost_per_gb": 0 * each,
        "wan_kwh_per_gb": 0 * each,
        "carbon_price_per_kg": np.array([0.0]),
        "drop_cost_per_gpu_h": np.array([20.0]),
        "late_cost_per_gpu_h_per_h": np.array([10.0]),
        "terminal_cost_per_gpu_h": 50 * each,
        "terminal_late_h": np.array([24.0]),
        "band_low": np.array([0.6]),
        "band_high": np.array([0.8]),
        "reference_cost_per_step": np.array([1.0]),
        "shaping_coefficient_per_gpu_h": np.array([0.0]),
        "class_malleable": np.array([[True, False]]),
        "class_preemptible": np.array([[True, True]]),
        "class_restart_h": np.array([[0.0, 0.5]]),
        "n_leads": np.array([2]),
    }
    extras = plain_sites(each.shape) | no_constraints((1,))
    return Params(**(extras | values | changed))


def hand_world(price: list[Any], jobs: tuple[dict[str, Any], ...] = ({},), **changed: Any) -> Exogenous:
    """One row of prices a step (a number, or one number a region); jobs are changes to ONE_JOB."""
    prices = np.array(price, dtype=np.float64).reshape(1, len(price), -1)
    none = np.zeros(prices.shape)
    table = [ONE_JOB | job for job in jobs]

    def column(key: str, kind: type) -> Any:
        return np.array([[job[key] for job in table]], dtype=kind)

    values: dict[str, Any] = {
        "start_minute": np.array([0]),
        "price_per_kwh": prices,
        **dict.fromkeys(("carbon_kg_per_kwh", "sun_kw", "wind_kw", "hydro_kw", "air_c", "interactive_gpus"), none),
        "signals": NO_SIGNALS,
        "n_jobs": np.array([len(jobs)]),
        "job_arrival_step": column("arrival", np.int64),
        "job_deadline_step": column("deadline", np.int64),
        "job_origin": column("origin", np.int64),
        "job_class": column("job_class", np.int64),
        "job_gpus": column("gpus", np.float64),
        "job_work_gpu_h": column("work", np.float64),
        "job_estimate_gpu_h": column("work", np.float64),
        "job_data_gb": column("data", np.float64),
    }
    fleets = quiet_world(np.full((1, prices.shape[2]), 10.0), prices.shape[1])
    return Exogenous(**(fleets | values | changed))


def in_steps(values: list[float]) -> Any:
    return np.array(values, dtype=np.float64).reshape(1, -1, 1)


def assert_near(actual: float | NDArray[np.float64], desired: float, tolerance: float = 1e-6) -> None:
    assert_allclose(actual, desired, rtol=tolerance, atol=tolerance)


def assert_costs(found: Bound, cost: float) -> None:
    """The plan costs what it should, and the bound is the same but for the safety margin, on its lower side."""
    assert_near(sum(found.costs.values()), cost)
    assert_near(found.total_cost, cost)
    assert tuple(found.costs) == COST_TERMS


def play(params: Params, world: Exogenous, modes: NDArray[np.integer]) -> float:
    """Cost of an episode under `modes`, shape (T, R) or one that broadcasts to it [currency]."""
    simulator = Simulator(params)
    simulator.load(0, world)
    every = np.broadcast_to(modes, (int(params.n_steps[0]), params.fleet_gpus.shape[1]))
    return float(sum(total_cost(simulator.step(offers_of_modes(each[None])))[0] for each in every))


def test_work_waits_for_the_cheap_step() -> None:
    assert_costs(bound(hand_params(2), hand_world([1.0, 0.2])), 0.8)


def test_work_cannot_run_before_it_arrives() -> None:
    assert_costs(bound(hand_params(2), hand_world([0.2, 1.0], ({"arrival": 1},))), 4.0)


def test_surplus_sun_is_free_and_the_rest_is_bought() -> None:
    world = hand_world([1.0, 1.0, 1.0], sun_kw=in_steps([0.0, 3.0, 0.0]))
    found = bound(hand_params(3), world)
    assert_costs(found, 1.0)
    assert_near(found.work_gpu_h.sum(), 4.0)


def test_the_demand_charge_spreads_work() -> None:
    params = hand_params(3, demand_charge_per_kw=np.array([[10.0]]))
    found = bound(params, hand_world([1.0, 1.0, 1.0], ({"work": 6.0, "gpus": 6.0},)))
    assert_costs(found, 6.0 + 20.0)
    assert_near(found.grid_kw, 2.0, 1e-4)


@pytest.mark.parametrize(("wan_cost_per_gb", "cost"), [(0.3, 1.4), (2.0, 4.0)])
def test_work_moves_where_that_pays_for_its_data(wan_cost_per_gb: float, cost: float) -> None:
    params = hand_params(1, 2, wan_cost_per_gb=np.array([[wan_cost_per_gb, 0.0]]))
    found = bound(params, hand_world([[1.0, 0.2]], ({"data": 2.0},)))
    assert_costs(found, cost)
    assert_near(found.costs["wan_cost"], 0.6 if cost < 4 else 0.0)


def test_jobs_with_little_data_move_first() -> None:
    params = hand_params(1, 2, wan_cost_per_gb=np.array([[1.0, 0.0]]), fleet_gpus=np.array([[10.0, 4.0]]))
    fleets = np.broadcast_to(params.fleet_gpus, (1, 1, 2))
    world = hand_world([[1.0, 0.2]], ({"data": 1.0}, {"data": 2.0}), fleet_gpus=fleets)
    for single_up_to in (0, 9):
        assert_costs(bound(params, world, single_up_to=single_up_to), 4.0 + 0.8 + 1.0)


@pytest.mark.parametrize(("late_rate", "cost"), [(0.1, 1.6), (0.2, 2.0)])
def test_lateness_costs_from_the_step_after_the_deadline(late_rate: float, cost: float) -> None:
    params = hand_params(4, late_cost_per_gpu_h_per_h=np.array([late_rate]))
    assert_costs(bound(params, hand_world([1.0, 0.5, 0.5, 0.2], ({"deadline": 1},))), cost)


def test_unfinished_work_is_settled() -> None:
    params = hand_params(3, terminal_cost_per_gpu_h=np.array([[0.5]]), late_cost_per_gpu_h_per_h=np.array([0.1]))
    assert_costs(bound(params, hand_world([5.0, 5.0, 5.0])), 2.0)
    late = bound(params, hand_world([5.0, 5.0, 5.0], ({"deadline": 2},)))
    assert_costs(late, 4 * (0.5 + 0.1 * 24) + 4 * 0.1)


def test_a_job_runs_no_faster_than_its_gpus() -> None:
    job = {"gpus": 1.0, "work": 3.0, "deadline": 3}
    assert_costs(bound(hand_params(3), hand_world([1.0, 0.1, 0.5], (job,))), 1.6)


def test_interactive_load_beyond_the_fleet_is_dropped() -> None:
    world = hand_world([1.0], ({"gpus": 0.5, "work": 0.0},), interactive_gpus=in_steps([12.0]))
    found = bound(hand_params(1), world)
    assert_costs(found, 10.0 + 2 * 20.0)
    assert_near(found.costs["drop_cost"], 40.0)


def test_carbon_and_cooling_have_their_price() -> None:
    params = hand_params(1, carbon_price_per_kg=np.array([0.1]), pue_slope_per_c=np.array([[0.02]]))
    world = hand_world([1.0], carbon_kg_per_kwh=in_steps([0.5]), air_c=in_steps([25.0]))
    found = bound(params, world)
    assert_costs(found, 4 * 1.2 * 1.05)
    assert_near(found.costs["carbon_cost"], 4 * 1.2 * 0.05)


def test_negative_prices_pay_for_what_can_be_used_and_no_more() -> None:
    params = hand_params(2, gpu_idle_kw=np.array([[0.5]]), class_restart_h=np.zeros((1, 2)))
    assert_costs(bound(params, hand_world([-1.0, -1.0])), -(2 * 5.0 + 4 * 0.5))


def test_restarts_may_use_power_that_is_paid_for() -> None:
    found = bound(hand_params(2), hand_world([-1.0, 1.0], ({"job_class": 1},)))
    assert_costs(found, -10.0)


def test_no_jobs_leave_the_interactive_bill() -> None:
    world = hand_world([1.0, 2.0], (), interactive_gpus=in_steps([3.0, 4.0]))
    assert_costs(bound(hand_params(2), world), 3.0 + 8.0)


def test_only_the_steps_of_the_episode_count() -> None:
    assert_costs(bound(hand_params(1), hand_world([1.0, 0.1, 0.1], ({}, {"arrival": 1}))), 4.0)


def test_more_than_one_environment_is_refused() -> None:
    two = Params(*(np.concatenate([field, field]) for field in hand_params(1)))
    with pytest.raises(ValueError, match="one environment, got 2 in params"):
        bound(two, hand_world([1.0]))


def test_an_unbounded_program_is_an_error() -> None:
    build = Builder()
    column = build.columns((1,), -1.0, 0.0, np.inf)
    build.rows(np.zeros(1), np.inf, (1.0, column))
    with pytest.raises(SolverError, match="HiGHS reports"):
        solve(build.program())


SOLVE_ONE = """
import numpy as np
from wattward.baselines.lp import Builder, solve

build = Builder()
column = build.columns((1,), 1.0, 0.0, 5.0)
build.rows(np.full(1, 2.0), np.inf, (1.0, column))
for method in ("ipm", "simplex"):
    assert abs(solve(build.program(), method).objective - 2.0) < 1e-6
print("solved")
"""


def test_the_solver_prints_nothing() -> None:
    """In a process of its own: the solver writes to file descriptor 1 itself, and its banner only once a process."""
    ran = subprocess.run([sys.executable, "-c", SOLVE_ONE], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("solved\n", "")


def random_case(seed: int, n_regions: int = 2, n_steps: int = 24, n_jobs: int = 12) -> tuple[Params, Exogenous]:
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, n_steps)
    return params, random_world(rng, params, n_jobs)


seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=12, deadline=None)


@few
@given(seeds, st.floats(0.0, 2.0))
def test_any_duals_give_a_lower_bound(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    build = Builder()
    columns = build.columns((6,), rng.normal(size=6), 0.0, 3.0)
    coefficients = rng.normal(size=4)
    build.rows(np.full(4, -1.0), np.array([2.0, np.inf, 1.0, 5.0]), (coefficients, rng.choice(columns, (4, 3))))
    program = build.program()
    best = solve(program, "simplex")
    wrong = best.row_dual + spread * rng.normal(size=4)
    assert safe_value(program, wrong) <= best.objective + 1e-9
    assert_near(safe_value(program, best.row_dual), best.objective)


@few
@given(seeds)
def test_more_green_power_is_not_dearer(seed: int) -> None:
    params, world = random_case(seed)
    world = world._replace(price_per_kwh=np.abs(world.price_per_kwh))
    greener = world._replace(wind_kw=world.wind_kw + np.random.default_rng(seed).uniform(0, 5, world.wind_kw.shape))
    assert bound(params, greener).total_cost <= bound(params, world).total_cost + 1e-4


@few
@given(seeds)
def test_later_deadlines_are_not_dearer(seed: int) -> None:
    params, world = random_case(seed)
    later = np.random.default_rng(seed).integers(0, 9, world.job_deadline_step.shape)
    loose = world._replace(job_deadline_step=world.job_deadline_step + later)
    assert bound(params, loose).total_cost <= bound(params, world).total_cost + 1e-4


@few
@given(seeds)
def test_renumbering_regions_changes_nothing(seed: int) -> None:
    params, world = random_case(seed, n_regions=3)
    order = np.random.default_rng(seed).permutation(3)
    assert_near(bound(*permute_regions(params, world, order)).total_cost, bound(params, world).total_cost)


@few
@given(seeds, st.floats(0.1, 10.0))
def test_the_bound_scales_with_prices(seed: int, factor: float) -> None:
    params, world = random_case(seed)
    prices = {k: v for k, v in params._asdict().items() if re.search("(price|cost|charge|pay|penalty)_per_", k)}
    dearer = params._replace(**{name: price * factor for name, price in prices.items()})
    dearer_world = world._replace(price_per_kwh=world.price_per_kwh * factor)
    scaled = bound(dearer, dearer_world).total_cost / factor
    assert_near(scaled, bound(params, world).total_cost, 1e-5)


@few
@given(seeds)
def test_coarser_is_looser_and_both_methods_agree(seed: int) -> None:
    params, world = random_case(seed, n_jobs=30)
    fine = bound(params, world, block_h=0.25, single_up_to=30).total_cost
    assert bound(params, world, block_h=1.0, single_up_to=30).total_cost <= fine + 1e-4
    assert bound(params, world, block_h=0.25, single_up_to=0, buckets=2).total_cost <= fine + 1e-4
    assert_near(bound(params, world, block_h=0.25, single_up_to=30, method="simplex").total_cost, fine, 1e-5)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 3), st.integers(1, 40), st.integers(0, 30), st.integers(0, 30))
def test_no_modes_beat_the_bound_in_arbitrary_worlds(
    seed: int, n_regions: int, n_steps: int, n_jobs: int, single_up_to: int
) -> None:
    params, world = random_case(seed, n_regions, n_steps, n_jobs)
    limit = bound(params, world, single_up_to=single_up_to).total_cost
    modes = np.random.default_rng(seed).integers(0, len(Mode), (n_steps, n_regions))
    assert limit <= play(params, world, modes)
    assert limit <= play(params, world, np.array(Mode.PULL))


@pytest.mark.parametrize("name", ["toy", "zhejiang-xinjiang", "zhejiang-xinjiang-2024", "follow-the-sun"])
def test_no_modes_beat_the_bound_in_drawn_episodes(name: str) -> None:
    scenario = load_scenario(name)
    params = make_params(scenario)
    for episode in range(5 if name == "toy" else 2):
        world = draw(scenario, episode_seed("train", episode))
        limit = bound(params, world).total_cost
        for mode in Mode:
            assert limit <= play(params, world, np.array(mode))
        modes = np.random.default_rng(episode).integers(0, len(Mode), (scenario.n_steps, scenario.n_regions))
        assert limit <= play(params, world, modes)


def test_on_the_toy_the_bound_is_the_optimum_by_hand() -> None:
    scenario = load_scenario("toy")
    params = make_params(scenario)
    for episode in range(8):
        world = draw(scenario, episode_seed("test", episode))
        assert_costs(bound(params, world), toy_optimum_cost(params, world))


@pytest.mark.parametrize("method", ["RunOnArrival", "Random", "Threshold-soak-0.3", "LowestWindow"])
def test_no_rule_beats_the_bound(method: str) -> None:
    env = ClusterEnv("zhejiang-xinjiang")
    env.reset(options={"split": "validation", "episode": 1})
    policy, done, cost = make(method), False, 0.0
    policy.reset(env.outlook(), np.random.default_rng(0))
    while not done:
        _, _, done, _, info = env.step(policy.act(env.outlook()))
        cost += info["total_cost"]
    limit = bound(env.params, env.world).total_cost
    assert 0.5 * cost < limit <= cost
