"""Stores, contracts, sleep and programmes in the bound: what the simulator plays is a plan that costs the same."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.sparse import csr_array

from wattward.baselines.bound.bound import bound
from wattward.baselines.bound.equipment import Shared, add_equipment, add_rules, constant_cost
from wattward.baselines.bound.sites import limits_of, read_sites
from wattward.baselines.lp import ABSENT, Builder, Program
from wattward.envs.checks.balances import random_params, random_world, total_cost
from wattward.envs.model.stores import store_flows
from wattward.envs.model.types import BY_GRID_EVENTS, Exogenous, Floats, Flows, Params
from wattward.envs.simulator.simulator import Simulator, action_length

COST_SHIFTS = (-1.0, 0.0, 0.3)
"""Added to prices between -0.2 and 1.3: with the last, no power is paid for."""
TOLERANCE = 1e-7
seeds = st.integers(0, 2**32 - 1)


def random_case(seed: int, green: bool, shift: float, n_jobs: int = 20) -> tuple[Params, Exogenous]:
    """A world with everything, whose stores actions may order."""
    rng = np.random.default_rng(seed)
    n_regions, n_steps = int(rng.integers(1, 4)), int(rng.integers(1, 40))
    params = random_params(rng, n_regions, n_steps, extended=True)
    world = random_world(rng, params, n_jobs, extended=True)
    ordered = (params.store_capacity_kwh > 0) & (params.store_entry != BY_GRID_EVENTS)
    entry = params.store_entry.copy()
    entry[ordered] = n_regions + np.arange(np.count_nonzero(ordered))
    params = params._replace(store_entry=entry)
    params = params._replace(green_share_min=params.green_share_min * green)
    return params, world._replace(price_per_kwh=world.price_per_kwh + shift)


def random_actions(rng: np.random.Generator, params: Params) -> list[NDArray[np.int64]]:
    """Modes all the same with stores by the rule, then with stores at random, then all at random; each (T, entries)."""
    n_regions, shape = params.fleet_gpus.shape[1], (int(params.n_steps[0]), action_length(params))
    played = [rng.integers(0, 4, shape) for _ in range(12)]
    for i, actions in enumerate(played[:8]):
        actions[:, :n_regions] = i % 4
        actions[:, n_regions:] *= i // 4
    return played


def play(params: Params, world: Exogenous, actions: NDArray[np.int64]) -> tuple[list[Flows], list[Floats]]:
    """The flows of every step, and what each store holds before the first and after each, (T + 1) of (1, R, S)."""
    simulator = Simulator(params)
    simulator.load(0, world)
    flows, stored = [], [simulator.state.stored_kwh.copy()]
    for action in actions:
        simulator.fleet.modes[0] = action
        simulator.advance()
        flows.append(Flows(*(field.copy() for field in simulator.flows)))
        stored.append(simulator.state.stored_kwh.copy())
    return flows, stored


def assert_plan_fits(program: Program, x: Floats) -> None:
    shape = (program.row_lower.size, program.cost.size)
    at_rows: Floats = csr_array((program.value, program.column, program.row_start), shape=shape) @ x  # type: ignore[assignment]
    for value, low, high in ((x, program.lower, program.upper), (at_rows, program.row_lower, program.row_upper)):
        assert (value >= low - TOLERANCE).all()
        assert (value <= high + TOLERANCE).all()


def plan_of(params: Params, world: Exogenous, flows: list[Flows], stored: list[Floats]) -> dict[str, Floats]:
    """The simulator's own values of the columns of Shared and Equipment."""
    f, h = Flows(*(np.concatenate(fields) for fields in zip(*flows, strict=True))), float(params.step_h[0])
    n_steps, none = len(flows), np.zeros(f.it_kw.shape)
    load_kw = f.it_kw + f.cooling_kw + f.wan_kw + f.charge_kw
    missing_kwh = h * (params.green_share_min[0] * load_kw - (load_kw - f.grid_kw - f.discharge_kw)).sum(axis=0)
    prepaid = np.minimum(f.contract_kw, params.contract_take_share[0] * world.contract_kw[0, :n_steps])
    moved = [store_flows(params, before, after) for before, after in pairwise(stored)]
    shared = {"done": h * f.busy_gpus, "restarts": none, "dropped": f.dropped_gpus, "grid": f.grid_kw}
    return shared | {
        "it": f.it_kw,
        "awake": world.fleet_gpus[0, :n_steps] - f.asleep_gpus,
        "woken": f.woken_gpus,
        "load": load_kw,
        "wan": f.wan_kw,
        "wan_extra": none[0],
        "direct": f.direct_used_kw,
        "prepaid": prepaid,
        "contract": f.contract_kw - prepaid,
        "into": np.concatenate([into_kw for into_kw, _ in moved]),
        "out": np.concatenate([out_kw for _, out_kw in moved]),
        "stored": np.concatenate(stored[1:]),
        "sold": f.sold_kw,
        "met": f.cut_kw,
        "short": np.maximum(0.0, missing_kwh),
    }


@settings(max_examples=40, deadline=None)
@given(seeds, st.booleans(), st.sampled_from(COST_SHIFTS))
def test_what_is_played_is_a_plan_that_costs_the_same(seed: int, green: bool, shift: float) -> None:
    params, world = random_case(seed, green, shift)
    sites, h = read_sites(params, world), float(params.step_h[0])
    sites = sites._replace(pays=np.ones_like(sites.pays))  # all that draws power is in the program then
    limits, build, shape = limits_of(params, sites), Builder(), sites.slope.shape
    grid_cost = h * sites.cost_per_kwh
    done, restarts, dropped = (build.columns(shape, 0.0, 0.0, 1e3) for _ in range(3))
    shared = Shared(done, restarts, dropped, build.columns(shape, grid_cost, 0.0, 1e3))
    block = max(n for n in range(1, 5) if shape[0] % n == 0)
    own = add_equipment(build, params, sites, limits, shape[0] // block)
    add_rules(build, params, sites, limits, shared, own)
    program, fixed_cost = build.program(), sum(constant_cost(params, sites).values())
    terms = ("energy", "carbon", "supply", "sales", "wear", "event", "shortfall")
    for actions in random_actions(np.random.default_rng(seed), params)[3:]:
        (flows, stored), x = play(params, world, actions), np.zeros(program.cost.size)
        plan = plan_of(params, world, flows, stored)
        plan["stored"] = plan["stored"][block - 1 :: block]
        for name, columns in (shared._asdict() | own._asdict()).items():
            x[columns[columns != ABSENT]] = plan[name][columns != ABSENT]
        assert_plan_fits(program, x)
        cost = sum(getattr(each, f"{term}_cost").sum() for each in flows for term in terms)
        assert_allclose(program.cost @ x + fixed_cost, cost, rtol=1e-9, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seeds, st.booleans(), st.sampled_from(COST_SHIFTS), st.integers(0, 30), st.integers(0, 30))
def test_no_actions_beat_the_bound(seed: int, green: bool, shift: float, n_jobs: int, single_up_to: int) -> None:
    params, world = random_case(seed, green, shift, n_jobs)
    limit = bound(params, world, single_up_to=single_up_to).total_cost
    for actions in random_actions(np.random.default_rng(seed), params):
        assert limit <= sum(float(total_cost(flows)[0]) for flows in play(params, world, actions)[0])
