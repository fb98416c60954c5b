"""Balance checks and small random worlds, for tests of new scenarios and policies."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model import site_model
from wattward.envs.model.equipment import no_constraints, plain_sites, quiet_world
from wattward.envs.model.stores import NO_STORE, StoreRow, is_cooling, is_electric, store_flows, store_table
from wattward.envs.model.types import (
    BY_GRID_EVENTS,
    BY_PRICE_RULE,
    COOLING,
    COST_TERMS,
    IN_TRANSIT,
    NO_SIGNALS,
    POWER,
    Exogenous,
    Floats,
    Flows,
    Params,
    State,
)
from wattward.envs.policy.episode import play_episode
from wattward.envs.policy.protocol import Policy
from wattward.envs.simulator.simulator import Snapshot

TOLERANCE = 1e-7
N_CLASSES = 3
MOST_STORES = 3


def random_params(
    rng: np.random.Generator, n_regions: int, n_steps: int, n_leads: int = 5, *, extended: bool = False
) -> Params:
    """Random but valid parameters of one environment (B = 1).

    With `extended`, sites also have stores, sleep, contracts and programmes.
    """

    def regional(low: float, high: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return rng.uniform(low, high, (1, n_regions))

    fleet = rng.integers(4, 64, (1, n_regions)).astype(np.float64)
    idle = regional(0.0, 0.3)
    extras = random_sites(rng, n_regions, idle) if extended else plain_sites((1, n_regions)) | no_constraints((1,))
    return Params(
        **extras,
        n_steps=np.array([n_steps]),
        step_h=np.array([0.25]),
        fleet_gpus=fleet,
        rigid_limit_gpus=fleet * regional(0.3, 1.0),
        gpu_idle_kw=idle,
        gpu_busy_kw=idle + regional(0.0, 0.6),
        pue_base=regional(1.0, 1.4),
        pue_slope_per_c=regional(0.0, 0.02),
        pue_free_c=regional(5.0, 20.0),
        demand_charge_per_kw=regional(0.0, 10.0),
        wan_gb_per_step=regional(1.0, 200.0),
        wan_cost_per_gb=regional(0.0, 0.2),
        wan_kwh_per_gb=regional(0.0, 0.05),
        carbon_price_per_kg=rng.uniform(0.0, 0.1, 1),
        drop_cost_per_gpu_h=rng.uniform(0.0, 10.0, 1),
        late_cost_per_gpu_h_per_h=rng.uniform(0.0, 2.0, 1),
        terminal_cost_per_gpu_h=regional(0.0, 2.0),
        terminal_late_h=rng.uniform(0.0, 24.0, 1),
        band_low=np.array([0.6]),
        band_high=np.array([0.8]),
        reference_cost_per_step=np.array([10.0]),
        shaping_coefficient_per_gpu_h=np.array([0.5]),
        class_malleable=np.array([[True, False, False]]),
        class_preemptible=np.array([[True, False, True]]),
        class_restart_h=np.array([[0.0, 0.0, rng.uniform(0.0, 1.0)]]),
        n_leads=np.array([n_leads]),
    )


def random_sites(rng: np.random.Generator, n_regions: int, idle_kw: Floats) -> dict[str, Any]:
    """Fields of `Params` for sites with all optional equipment; each region has its own numbers and 0 to 3 stores."""

    def regional(low: float, high: float) -> Floats:
        return rng.uniform(low, high, (1, n_regions))

    fields = plain_sites((1, n_regions)) | no_constraints((1,))
    stores = store_table([_random_stores(rng) for _ in range(n_regions)])
    fields |= {name: column[None] for name, column in stores.items()}
    fields |= {name: regional(0.0, 0.3) for name in ("cooling_fixed_share", "recovered_share", "wake_kwh")}
    fields |= {"serving_exponent": regional(0.7, 1.0), "contract_take_share": regional(0.0, 1.0)}
    fields |= {"serving_gpus": regional(1.0, 30.0), "gpu_sleep_kw": idle_kw * regional(0.0, 1.0)}
    fields |= {"headroom_gpus": np.where(rng.random((1, n_regions)) < 0.3, np.inf, regional(0.0, 20.0))}
    fields |= {"feed_in_kw": regional(0.0, 30.0)}
    prices = ("direct_price_per_kwh", "contract_price_per_kwh", "feed_in_price_per_kwh", "shortfall_price_per_kwh")
    rates = ("event_pay_per_kwh", "event_penalty_per_kwh")
    fields |= {name: regional(0.0, 1.0) for name in (*prices, *rates)}
    fields |= {"event_baseline_kw": regional(0.0, 60.0), "green_share_min": regional(0.0, 0.9)}
    return fields | {"green_constraint_per_kwh": np.array([0.01]), "late_constraint_per_gpu_h": np.array([0.1])}


def _random_stores(rng: np.random.Generator) -> list[StoreRow]:
    """Random stores of a site, of any number and kind; the price rule or grid events order them."""
    rows = []
    for _ in range(rng.integers(0, MOST_STORES + 1)):
        cools, by_events = rng.random() < 0.4, rng.random() < 0.4
        capacity_kwh = rng.uniform(1.0, 200.0 if cools else 60.0)
        row = NO_STORE | {
            "coupling": COOLING if cools else POWER,
            "entry": BY_GRID_EVENTS if by_events else BY_PRICE_RULE,
            "capacity_kwh": capacity_kwh,
            "reserve_kwh": capacity_kwh * rng.uniform(0.0, 0.5) * by_events,
            "start_kwh": capacity_kwh * rng.uniform(0.0, 1.0) * rng.integers(0, 2),
            "loss_per_h": rng.uniform(0.0, 0.05),
            "wear_cost_per_kwh": rng.uniform(0.0, 1.0),
        }
        row |= {name: rng.uniform(0.0, 30.0) for name in ("charge_kw", "discharge_kw")}
        row |= {name: rng.uniform(0.7, 1.0) for name in ("charge_efficiency", "discharge_efficiency")}
        cops: StoreRow = {"cop": rng.uniform(2.0, 6.0), "charge_cop": rng.uniform(2.0, 8.0)}
        rows.append(row | cops if cools else row)
    return rows


def random_extras(rng: np.random.Generator, params: Params, n: int) -> dict[str, Floats]:
    """Fields of `Exogenous` with failing links and GPUs, contracts and grid events."""
    shape = (1, n, params.fleet_gpus.shape[1])
    fails, asks = rng.random(shape) < 0.2, rng.random(shape) < 0.2
    fleet_gpus = np.where(fails, np.floor(params.fleet_gpus[:, None] * rng.random(shape)), params.fleet_gpus[:, None])
    return quiet_world(params.fleet_gpus, n) | {
        "fleet_gpus": fleet_gpus,
        "wan_share": np.where(rng.random(shape) < 0.1, 0.0, rng.random(shape)),
        "direct_kw": rng.uniform(0.0, 15.0, shape),
        "contract_kw": rng.uniform(0.0, 15.0, shape),
        "store_order": rng.uniform(-1.0, 1.0, shape),
        "cut_kw": asks * rng.uniform(0.0, 40.0, shape),
    }


def random_world(rng: np.random.Generator, params: Params, n_jobs: int, *, extended: bool = False) -> Exogenous:
    """A random world for `params` (B = 1): white noise, prices that may be negative, jobs that may be infeasible.

    With `extended`, links and GPUs fail, contracts deliver, the grid asks for cuts, and stores get random orders.
    """
    n_regions, n_steps = params.fleet_gpus.shape[1], int(params.n_steps[0])
    shape = (1, n_steps + int(params.n_leads[0]), n_regions)
    gpus = np.ceil(rng.uniform(0.0, 0.8, n_jobs) * params.fleet_gpus.min())
    work = gpus * rng.exponential(1.5, n_jobs) + 0.01
    arrival = np.sort(rng.integers(0, n_steps, n_jobs))
    n = shape[1]
    extras = random_extras(rng, params, n) if extended else quiet_world(params.fleet_gpus, n)
    return Exogenous(
        **extras,
        start_minute=rng.integers(20_000_000, 30_000_000, 1),
        price_per_kwh=rng.uniform(-0.2, 1.3, shape),
        carbon_kg_per_kwh=rng.uniform(0.0, 1.0, shape),
        sun_kw=rng.uniform(0.0, 40.0, shape) * rng.integers(0, 2, shape),
        wind_kw=rng.uniform(0.0, 20.0, shape),
        hydro_kw=rng.uniform(0.0, 5.0, shape),
        air_c=rng.uniform(-20.0, 40.0, shape),
        interactive_gpus=rng.uniform(0.0, 1.1, shape) * params.fleet_gpus[:, None, :],
        signals=NO_SIGNALS,
        n_jobs=np.array([n_jobs]),
        job_arrival_step=arrival[None],
        job_deadline_step=(arrival + 1 + rng.geometric(0.05, n_jobs))[None],
        job_origin=rng.integers(0, n_regions, (1, n_jobs)),
        job_class=rng.integers(0, N_CLASSES, (1, n_jobs)),
        job_gpus=gpus[None],
        job_work_gpu_h=work[None],
        job_estimate_gpu_h=(work * rng.lognormal(0.0, 0.4, n_jobs))[None],
        job_data_gb=rng.exponential(60.0, (1, n_jobs)),
    )


def permute_regions(
    params: Params, world: Exogenous, order: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> tuple[Params, Exogenous]:
    """The same environment with its regions renumbered: new region i is old region `order[i]`."""
    n_regions = params.fleet_gpus.shape[1]
    new_number = np.argsort(order)
    regional = {
        k: v[:, order]
        for k, v in params._asdict().items()
        if v.ndim in (2, 3) and not k.startswith("class_") and v.shape[1] == n_regions
    }
    moved: dict[str, Any] = {
        k: v[..., order] for k, v in world._asdict().items() if isinstance(v, np.ndarray) and v.ndim == 3
    }
    return params._replace(**regional), world._replace(**moved, job_origin=new_number[world.job_origin])


def assert_conserves(params: Params, world: Exogenous, before: Snapshot, state: State, flows: Flows) -> None:
    """Asserts that energy, work and costs balance over one step, in every environment and region.

    Args:
        params: Params of the batch.
        world: The batch's worlds.
        before: Snapshot taken just before the step.
        state: State after the step.
        flows: Flows of the step.

    Raises:
        AssertionError: a balance does not hold; the message names it.
    """
    _assert_energy(params, world, before.state, flows)
    _assert_work(before.flows, flows)
    _assert_stores(params, before.state, state, flows)
    _assert_costs(params, world, before.state, state, flows)
    _assert_contracts(params, world, before.state, state, flows)
    for name, field in flows._asdict().items():
        if name not in ("energy_cost", "sales_cost", "event_cost"):
            assert (field >= -TOLERANCE).all(), f"{name} is negative: {field.min()}"


def _assert_energy(params: Params, world: Exogenous, before: State, flows: Flows) -> None:
    rows, t = np.arange(before.step.size), before.step
    own = flows.sun_kw + flows.wind_kw + flows.hydro_kw + flows.recovered_kw
    supply = own + flows.direct_kw + flows.contract_kw + flows.discharge_kw + flows.grid_kw
    used = flows.it_kw + flows.cooling_kw + flows.wan_kw + flows.charge_kw + flows.curtailed_kw + flows.sold_kw
    np.testing.assert_allclose(supply, used, rtol=1e-9, atol=TOLERANCE, err_msg="energy in = energy out")
    np.testing.assert_allclose(flows.sun_kw, world.sun_kw[rows, t], err_msg="sun on site is the world's")
    at_work = site_model.serving_gpus(params, flows.interactive_gpus) + flows.busy_gpus
    fleet = world.fleet_gpus[rows, t]
    it_kw = site_model.it_kw(params, fleet, flows.asleep_gpus, at_work)
    it_kw = it_kw + site_model.waking_kw(params, flows.woken_gpus, params.step_h[:, None])
    np.testing.assert_allclose(flows.it_kw, it_kw, rtol=1e-9, atol=TOLERANCE, err_msg="IT power follows GPUs at work")
    recovered_kw = site_model.recovered_kw(params, it_kw)
    np.testing.assert_allclose(flows.recovered_kw, recovered_kw, rtol=1e-9, atol=TOLERANCE, err_msg="recovered power")
    demand = flows.interactive_gpus + flows.dropped_gpus
    np.testing.assert_allclose(demand, world.interactive_gpus[rows, t], err_msg="interactive load is served or dropped")
    in_use = flows.interactive_gpus + flows.held_gpus + flows.asleep_gpus
    assert (in_use <= fleet + TOLERANCE).all(), "more GPUs in use than are awake and in order"
    assert (np.minimum(flows.grid_kw, flows.curtailed_kw) <= TOLERANCE).all(), "buys and curtails at once"
    assert (flows.busy_gpus <= flows.held_gpus + TOLERANCE).all(), "busier than held"


def _assert_stores(params: Params, before: State, after: State, flows: Flows) -> None:
    """Asserts that the flows of stores match the changes of their energy after losses, and that limits hold.

    This also shows that no store charges and discharges in the same step: its flows would then exceed the changes.
    """
    p, level = params, after.stored_kwh
    into_kw, out_kw = store_flows(params, before.stored_kwh, level)
    sides = (is_electric(p), flows.charge_kw, flows.discharge_kw), (is_cooling(p), flows.cold_in_kw, flows.cold_out_kw)
    for there, charged_kw, discharged_kw in sides:
        for kw, told_kw in ((into_kw, charged_kw), (out_kw, discharged_kw)):
            found_kw = (kw * there).sum(axis=2)
            np.testing.assert_allclose(told_kw, found_kw, rtol=1e-9, atol=TOLERANCE, err_msg="levels follow flows")
    limits = ((into_kw, p.store_charge_kw), (out_kw, p.store_discharge_kw), (level, p.store_capacity_kwh))
    for amount, most in limits:
        assert (amount <= most + TOLERANCE).all(), "a store holds or moves more than it can"
    assert (level >= 0.0).all(), "a store holds less than nothing"
    kept_kwh = before.stored_kwh * (1.0 - p.store_loss_per_h * p.step_h[:, None, None])
    least_kwh = np.minimum(kept_kwh, p.store_reserve_kwh)
    assert (level >= least_kwh - TOLERANCE).all(), "a store gave what it must keep in reserve"
    assert (flows.cold_out_kw <= flows.it_kw + TOLERANCE).all(), "more cold than heat"
    assert (flows.direct_used_kw <= flows.direct_kw + TOLERANCE).all(), "more from the line than it offers"


def _assert_work(before: Flows, flows: Flows) -> None:
    came = flows.arrived_gpu_h + flows.restart_gpu_h + flows.moved_in_gpu_h
    went = flows.done_gpu_h + flows.moved_out_gpu_h
    waiting = before.waiting_gpu_h + came - went
    np.testing.assert_allclose(flows.waiting_gpu_h, waiting, rtol=1e-9, atol=TOLERANCE, err_msg="work by region")
    transit = (before.transit_gpu_h + flows.moved_out_gpu_h - flows.moved_in_gpu_h).sum(axis=1)
    np.testing.assert_allclose(
        flows.transit_gpu_h.sum(axis=1), transit, rtol=1e-9, atol=TOLERANCE, err_msg="work in transit"
    )


def _assert_costs(params: Params, world: Exogenous, before: State, state: State, flows: Flows) -> None:
    rows, t, step_h = np.arange(before.step.size), before.step, params.step_h[:, None]
    energy = site_model.energy_cost(flows.grid_kw, step_h, world.price_per_kwh[rows, t])
    np.testing.assert_allclose(flows.energy_cost, energy, rtol=1e-9, atol=TOLERANCE, err_msg="energy bill")
    carbon = site_model.carbon_kg(flows.grid_kw, step_h, world.carbon_kg_per_kwh[rows, t])
    np.testing.assert_allclose(flows.carbon_kg, carbon, rtol=1e-9, atol=TOLERANCE, err_msg="carbon")
    demand = (state.peak_kw - before.peak_kw) * params.demand_charge_per_kw
    np.testing.assert_allclose(
        flows.demand_cost, demand, rtol=1e-9, atol=TOLERANCE, err_msg="demand charge follows the peak"
    )
    wan = flows.moved_gb * params.wan_cost_per_gb
    np.testing.assert_allclose(flows.wan_cost, wan, rtol=1e-9, atol=TOLERANCE, err_msg="WAN bill")


def _assert_contracts(params: Params, world: Exogenous, before: State, state: State, flows: Flows) -> None:
    """Asserts that contracts, wear and cuts cost what they should, and that green energy leaves out grid and stores."""
    rows, t, step_h = np.arange(before.step.size), before.step, params.step_h[:, None]
    _, out_kw = store_flows(params, before.stored_kwh, state.stored_kwh)
    supplied = flows.direct_used_kw, flows.contract_kw, world.contract_kw[rows, t]
    asked = world.cut_kw[rows, t]
    met = site_model.met_cut_kw(params, asked, flows.grid_kw)
    load_kw = flows.it_kw + flows.cooling_kw + flows.wan_kw + flows.charge_kw
    green_kw = load_kw - flows.grid_kw - flows.discharge_kw
    ended = (state.step == params.n_steps)[:, None]
    shortfall_cost = site_model.shortfall_cost(params, state.load_kwh, state.green_kwh) * ended
    expected = {
        "direct line and contract": (flows.supply_cost, site_model.supply_cost(params, step_h, *supplied)),
        "feeding in": (flows.sales_cost, site_model.sales_cost(params, step_h, flows.sold_kw)),
        "wear": (flows.wear_cost, (out_kw * params.store_wear_cost_per_kwh).sum(axis=2) * step_h),
        "cuts": (flows.event_cost, site_model.event_cost(params, step_h, asked, met)),
        "load so far": (state.load_kwh, before.load_kwh + load_kw * step_h),
        "green so far": (state.green_kwh, before.green_kwh + green_kw * step_h),
        "green shortfall": (flows.shortfall_cost, shortfall_cost),
    }
    for name, (found, wanted) in expected.items():
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=TOLERANCE, err_msg=name)


def assert_due_work_runs(params: Params, world: Exogenous, before: State, state: State, flows: Flows) -> None:
    """Asserts that no job that was due before the step waits while enough GPUs are free in its region."""
    for b in range(before.step.size):
        idle = (
            world.fleet_gpus[b, before.step[b]] - flows.asleep_gpus[b] - flows.interactive_gpus[b] - flows.held_gpus[b]
        )
        after = {int(j): k for k, j in enumerate(state.job_number[b, : state.n_active[b]])}
        for k, j in enumerate(before.job_number[b, : before.n_active[b]].tolist()):
            left_h = before.job_expected_gpu_h[b, k] / world.job_gpus[b, j]
            slack_h = (world.job_deadline_step[b, j] - before.step[b]) * params.step_h[b] - left_h
            worked = j in after and state.job_left_gpu_h[b, after[j]] < before.job_left_gpu_h[b, k]
            is_due = slack_h < params.step_h[b] - TOLERANCE and before.job_status[b, k] != IN_TRANSIT
            if is_due and j in after and not worked:
                malleable = params.class_malleable[b, world.job_class[b, j]]
                needs = TOLERANCE if malleable else world.job_gpus[b, j] - TOLERANCE
                _assert_runs_or_has_no_room(state, b, after[j], idle, max(needs, TOLERANCE))


def _assert_runs_or_has_no_room(state: State, b: int, k: int, idle: Floats, needs: float) -> None:
    if state.job_alloc_gpus[b, k] == 0.0 and state.job_status[b, k] != IN_TRANSIT:
        room = idle[state.job_region[b, k]]
        assert room <= needs + TOLERANCE, f"due job {state.job_number[b, k]} waits beside {room} idle GPUs"


def played_cost(env: ClusterEnv, policy: Policy | Any, split: str, episode: int) -> float:  # noqa: ANN401 - or shares
    """The cost of an episode under a policy; the episode's number seeds the policy's randomness."""
    rng = np.random.default_rng(episode)
    return play_episode(policy, env, split=split, episode=episode, rng=rng).total_cost


def total_cost(flows: Flows) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Cost of the step, summed over terms and regions, shape (B,)."""
    return np.sum([getattr(flows, term).sum(axis=1) for term in COST_TERMS], axis=0)


def toy_optimum_cost(params: Params, world: Exogenous) -> float:
    """The least cost of an episode of the toy scenario, computed directly.

    The toy scenario has no limits: each fleet can run all jobs of the day at once, moves are free, each job takes one
    step, and power is the only cost. So each job runs in the cheapest step of its window, in either region, or pays the
    terminal cost if its deadline lies beyond the end. Interactive load pays the price of its hour.

    Args:
        params: Params of the toy scenario (B = 1).
        world: One of its episodes (B = 1).

    Raises:
        ValueError: The world has a limit or cost that this computation leaves out.
    """
    kw_per_gpu = _toy_kw_per_gpu(params, world)
    n_steps, step_h, price = int(params.n_steps[0]), float(params.step_h[0]), world.price_per_kwh[0]
    interactive_kwh = kw_per_gpu * step_h * world.interactive_gpus[0, :n_steps]
    total = float((interactive_kwh * price[:n_steps]).sum())
    for j in range(int(world.n_jobs[0])):
        first, deadline = world.job_arrival_step[0, j], world.job_deadline_step[0, j]
        cheapest = kw_per_gpu * price[first : min(deadline, n_steps)].min()
        if deadline > n_steps:
            cheapest = min(cheapest, params.terminal_cost_per_gpu_h[0].min())
        total += float(world.job_work_gpu_h[0, j] * cheapest)
    return total


def _toy_kw_per_gpu(params: Params, world: Exogenous) -> float:
    """Power of a busy GPU, after a check that nothing but energy has a cost."""
    demanded = world.job_gpus[0].sum() + world.interactive_gpus[0].max(axis=0)
    free = (params.gpu_idle_kw, params.pue_slope_per_c, params.demand_charge_per_kw, params.wan_cost_per_gb)
    absent = (params.carbon_price_per_kg, world.sun_kw, world.wind_kw, world.hydro_kw, params.wan_kwh_per_gb)
    facts = {
        "every fleet holds all jobs at once": (demanded <= params.fleet_gpus[0]).all(),
        "every class is malleable": params.class_malleable[0].all(),
        "links hold all data in a step": (world.job_data_gb[0].sum() <= params.wan_gb_per_step[0]).all(),
        "each job takes one step": (world.job_work_gpu_h[0] <= world.job_gpus[0] * params.step_h[0] + TOLERANCE).all(),
        "one kind of GPU and no cooling": np.ptp(params.gpu_busy_kw) == 0.0 and (params.pue_base == 1.0).all(),
        "nothing else costs or supplies": not any(np.any(field) for field in (*free, *absent)),
        "prices are not negative": (world.price_per_kwh >= 0.0).all(),
    }
    broken = [fact for fact, holds in facts.items() if not holds]
    if broken:
        raise ValueError(f"not a toy world: it is not true that {'; '.join(broken)}")
    return float(params.gpu_busy_kw[0, 0])
