"""Kernel, outlook, observation, MPC, bound and parameters find the same power and cost in the same states."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import wattward.configs
from wattward.baselines.bound.equipment import Shared, _add_balance, _add_it_power, add_equipment, add_plain_power
from wattward.baselines.bound.sites import limits_of, read_sites
from wattward.baselines.lp import ABSENT, Builder
from wattward.baselines.optimisers.mpc_modes import _choices, gpus_below, sunny_gpus
from wattward.baselines.optimisers.mpc_sites import Ahead, look_ahead
from wattward.configs import load_scenario
from wattward.configs.schema.region import Region, Sleep
from wattward.configs.schema.scenario import Scenario
from wattward.envs.decisions.action import Mode, StoreOrder
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model import site_model
from wattward.envs.model.params import power_at_mean_air
from wattward.envs.model.stores import is_electric
from wattward.envs.model.types import Exogenous, Floats, Flows, Params
from wattward.envs.policy.observer import block_of_lead
from wattward.envs.policy.outlook import Outlook
from wattward.envs.world.draw import draw
from wattward.envs.world.splits import episode_seed

SCENARIOS = sorted(path.stem for path in (Path(wattward.configs.__file__).parent / "scenarios").glob("*.yaml"))
PHASES, PHASE_STEPS = 4, 6
STEPS = PHASES * PHASE_STEPS
CLOSE: dict[str, float] = {"rtol": 1e-9, "atol": 1e-9}


class Seen(NamedTuple):
    """One step: what was known before it, and what it did, each field of shape (R,)."""

    outlook: Outlook
    base_kw: Floats
    kw_per_gpu: Floats
    plan: Ahead
    sunny_gpus: Floats
    surplus_gpus: Floats  # (L, R)
    kept_gpus: Floats  # that the decoder expects to stay awake for deferrable work under the region's mode
    did: Flows
    fields: dict[str, Floats]
    awake_gpus: Floats  # after the step

    @property
    def net_kw(self) -> Floats:
        """IT and cooling power less recovered power; stores rest and waking is left out."""
        woken_kw = site_model.waking_kw(self.outlook.site_power, self.did.woken_gpus, self.outlook.step_h)
        return self.did.it_kw + self.did.cooling_kw - self.did.recovered_kw - self.outlook.net_pue * woken_kw


def with_everything(scenario: Scenario) -> Scenario:
    """The scenario, every site with sleep, a serving curve, fixed cooling and recovered energy."""

    def changed(region: Region) -> Region:
        sleep = Sleep(gpu_sleep_kw=0.3 * region.fleet.gpu_idle_kw, wake_kwh=0.01, headroom_gpus=0.1 * region.fleet.gpus)
        fleet = region.fleet.model_copy(update={"serving_exponent": 0.7, "sleep": sleep})
        cooling = region.cooling.model_copy(
            update={"fixed_share": 0.2, "recovered_share": 0.1, "pue_slope_per_c": 0.01}
        )
        return region.model_copy(update={"fleet": fleet, "cooling": cooling})

    return scenario.model_copy(update={"regions": tuple(changed(region) for region in scenario.regions)})


def world_of(scenario: Scenario, rng: np.random.Generator) -> Exogenous:
    """Air, load and GPUs in order at random, constant within phases; one endless job a region; stores rest.

    In the first phase the air is as warm as it is on average, and no GPU fails.
    """
    world, regions = draw(scenario, episode_seed("train", 0)), scenario.n_regions
    n = world.air_c.shape[1]
    phase = np.minimum(np.arange(n) // PHASE_STEPS, PHASES - 1)
    fleet = np.array([region.fleet.gpus for region in scenario.regions])
    air_c, interactive = rng.uniform(-20.0, 42.0, (PHASES, regions)), rng.uniform(0.0, 0.5, (PHASES, regions)) * fleet
    in_order = np.floor(rng.uniform(0.85, 1.0, (PHASES, regions)) * fleet)
    air_c[0], in_order[0] = [region.air.mean_c for region in scenario.regions], fleet
    gpus = np.maximum(1.0, np.floor(rng.uniform(0.05, 0.25, regions) * fleet))
    jobs: dict[str, Any] = {"arrival_step": np.zeros(regions, np.int64), "origin": np.arange(regions)}
    jobs |= {"deadline_step": np.full(regions, n + 10_000), "class": np.zeros(regions, np.int64), "gpus": gpus}
    jobs |= {"work_gpu_h": 1e6 * gpus, "estimate_gpu_h": 1e6 * gpus, "data_gb": np.zeros(regions)}
    rest = {name: np.zeros_like(world.store_order) for name in ("store_order", "cut_kw", "announced_cut_kw")}
    return world._replace(
        air_c=air_c[phase][None],
        interactive_gpus=interactive[phase][None],
        fleet_gpus=in_order[phase][None],
        n_jobs=np.array([regions]),
        **{f"job_{name}": values[None] for name, values in jobs.items()},
        **rest,
    )


def played(scenario: Scenario, rng: np.random.Generator) -> tuple[ClusterEnv, Exogenous, list[Seen]]:
    """Random modes in the first half of each phase, then RUN, so that what sleeps follows the load."""
    env, world, seen = ClusterEnv(scenario), world_of(scenario, rng), []
    env.start(world)
    for step in range(STEPS):
        outlook = env.outlook()
        modes = rng.choice([Mode.HOLD, Mode.SOAK, Mode.RUN], scenario.n_regions)
        modes = np.full_like(modes, Mode.RUN) if step % PHASE_STEPS >= PHASE_STEPS // 2 else modes
        orders = np.full(env.action_space.shape[0] - scenario.n_regions, int(StoreOrder.IDLE))
        nothing = np.zeros(scenario.n_regions)
        known = outlook.base_kw, outlook.kw_per_gpu, look_ahead(outlook, 1, 1, 1.0), sunny_gpus(outlook, nothing)
        kept = _choices(outlook, np.full(scenario.n_regions, np.inf)).kept[modes, np.arange(scenario.n_regions)]
        known += outlook.surplus_forecast_gpus, kept
        fields = {name: view.copy() for name, view in env.fields.items()}
        env.step(np.concatenate([modes, orders]))
        flows = Flows._make(field[0].copy() for field in env.flows)
        seen.append(Seen(outlook, *known, flows, fields, env.state.awake_gpus[0].copy()))
    return env, world, seen


@pytest.fixture(scope="module", params=[(name, full) for name in SCENARIOS for full in (False, True)], ids=str)
def game(request: pytest.FixtureRequest) -> tuple[Scenario, ClusterEnv, Exogenous, list[Seen]]:
    """A scenario as shipped, or with everything, and what was played in it."""
    name, full = request.param
    scenario = with_everything(load_scenario(name)) if full else load_scenario(name)
    return (scenario, *played(scenario, np.random.default_rng(SCENARIOS.index(name))))


Game = tuple[Scenario, ClusterEnv, Exogenous, list[Seen]]


def test_power_of_the_step_is_that_of_the_outlook(game: Game) -> None:
    for step in game[3]:
        beside_locked = step.did.busy_gpus - step.outlook.locked_gpus
        np.testing.assert_allclose(step.base_kw + step.kw_per_gpu * beside_locked, step.net_kw, **CLOSE)


def test_the_grid_gives_what_plants_line_and_contract_do_not(game: Game) -> None:
    for step in game[3]:
        waking_kw = site_model.waking_kw(step.outlook.site_power, step.did.woken_gpus, step.outlook.step_h)
        net_kw = step.net_kw + step.outlook.net_pue * waking_kw
        offered_kw = step.plan.own_kw[0] + step.plan.direct_kw[0] + step.plan.contract_kw[0]
        np.testing.assert_allclose(step.did.grid_kw, np.maximum(0.0, net_kw - offered_kw), rtol=1e-9, atol=1e-6)


def test_what_the_decoder_lets_run_reaches_the_peak_and_no_more(game: Game) -> None:
    for step in game[3]:
        supply_kw = step.plan.own_kw[0] + step.plan.direct_kw[0] + step.plan.contract_kw[0]
        below = gpus_below(step.outlook, step.net_kw - supply_kw)
        np.testing.assert_allclose(below, step.did.busy_gpus - step.outlook.locked_gpus, rtol=1e-9, atol=1e-7)


def test_as_many_gpus_stay_awake_as_the_decoder_expects(game: Game) -> None:
    for step in game[3]:
        site, served = step.outlook.site_power, step.did.dropped_gpus == 0.0
        busy = step.did.interactive_gpus + step.outlook.locked_gpus
        expected = np.minimum(busy + step.kept_gpus + site.headroom_gpus, site.fleet_gpus)
        np.testing.assert_allclose(step.awake_gpus[served], expected[served], rtol=1e-9, atol=1e-9)


def test_the_plan_draws_what_the_step_draws_when_sleep_has_followed_the_load(game: Game) -> None:
    compared = 0
    for step in game[3]:
        site, in_order = step.outlook.site_power, step.outlook.gpus_in_order
        load = step.did.interactive_gpus + step.did.busy_gpus
        follows = np.isclose(
            in_order - step.did.asleep_gpus, np.minimum(load + site.headroom_gpus, in_order), atol=1e-9
        )
        linear = ~site_model.sleeps(site) | (load + site.headroom_gpus <= in_order)
        at = follows & linear & (step.did.dropped_gpus == 0.0)
        planned = step.plan.base_kw[0] + step.plan.kw_per_gpu * (step.did.busy_gpus - step.outlook.locked_gpus)
        np.testing.assert_allclose(planned[at], step.net_kw[at], **CLOSE)
        compared += int(at.sum())
    assert compared >= PHASES * game[0].n_regions / 2


def test_costs_of_the_step_are_those_of_plan_and_bound(game: Game) -> None:
    _, env, world, seen = game
    sites = read_sites(env.params._replace(n_steps=np.array([STEPS])), world)
    for t, step in enumerate(seen):
        grid_kwh, paid = step.did.grid_kw * step.outlook.step_h, step.did.energy_cost + step.did.carbon_cost
        np.testing.assert_allclose(sites.cost_per_kwh[t] * grid_kwh, paid, **CLOSE)
        p = env.params
        for_green = step.plan.grid_price_per_kwh[0] - sites.cost_per_kwh[t]
        share_price = p.green_share_min[0] * p.shortfall_price_per_kwh[0]
        assert (np.isclose(for_green, 0.0) | np.isclose(for_green, share_price)).all()
        taken = step.did.direct_used_kw, step.did.contract_kw, step.plan.contract_kw[0]
        supply_cost = site_model.supply_cost(Params._make(f[0] for f in p), step.outlook.step_h, *taken)
        np.testing.assert_allclose(supply_cost, step.did.supply_cost, **CLOSE)


def test_rows_of_the_bound_hold_what_the_steps_did(game: Game) -> None:
    """In the bound's rows of power, the steps leave over what they curtailed of plants on site, and nothing else."""
    _, env, world, seen = game
    p = env.params._replace(n_steps=np.array([STEPS]))
    sites = read_sites(p, world)
    limits, build = limits_of(p, sites), Builder()
    shared = Shared(*(build.columns(sites.slope.shape, 0.0, 0.0, np.inf) for _ in Shared._fields))
    own = add_equipment(build, p, sites, limits, n_blocks=STEPS)
    did = {name: np.array([getattr(step.did, name) for step in seen]) for name in Flows._fields}
    done_gpu_h = did["busy_gpus"] * p.step_h[0]
    in_order = world.fleet_gpus[0, :STEPS]
    prepaid = np.minimum(did["contract_kw"], p.contract_take_share[0] * world.contract_kw[0, :STEPS])
    values = np.zeros(build._n)
    known = ((shared.done, done_gpu_h), (shared.dropped, did["dropped_gpus"]), (shared.grid, did["grid_kw"]))
    known += ((own.it, did["it_kw"]), (own.awake, in_order - did["asleep_gpus"]), (own.woken, did["woken_gpus"]))
    known += ((own.direct, did["direct_used_kw"]), (own.prepaid, prepaid), (own.contract, did["contract_kw"] - prepaid))
    known += ((own.sold, did["sold_kw"]), (own.into, did["charge_kw"][:, :, None] * is_electric(p)[0]))
    assert is_electric(p)[0].sum(axis=1).max(initial=0) <= 1 and not did["discharge_kw"].any()
    for columns, amounts in known:
        there = columns != ABSENT
        values[columns[there]] = amounts[there]
    e, plain = np.flatnonzero(sites.equipped), np.flatnonzero(~sites.equipped)
    unused = did["curtailed_kw"] - (did["direct_kw"] - did["direct_used_kw"])
    served = did["dropped_gpus"] == 0.0
    if e.size:
        _add_it_power(build, p, sites._replace(pays=np.zeros_like(sites.pays)), shared, own)
        rows = build._m
        _add_balance(build, p, sites, shared, own)
        over = left_over(build, values)
        np.testing.assert_allclose(over[:rows].reshape(STEPS, -1)[served[:, e]], 0.0, atol=1e-8)
        np.testing.assert_allclose(over[rows:].reshape(STEPS, -1), unused[:, e], rtol=1e-9, atol=1e-6)
    if plain.size:
        rows = build._m
        add_plain_power(build, p, sites, shared)
        over = left_over(build, values)[rows : rows + STEPS * plain.size].reshape(STEPS, -1)
        np.testing.assert_allclose(over[served[:, plain]], unused[:, plain][served[:, plain]], rtol=1e-9, atol=1e-6)


def left_over(build: Builder, values: Floats) -> Floats:
    """What each row's value passes its lower limit by."""
    from scipy.sparse import csr_array

    program = build.program()
    matrix = csr_array(
        (program.value, program.column, program.row_start), shape=(program.row_lower.size, program.cost.size)
    )
    return matrix @ values - program.row_lower


def test_parameters_expect_the_power_that_steps_draw_on_average_days(game: Game) -> None:
    scenario, _, _, seen = game
    step = seen[PHASE_STEPS - 1]
    for r, region in enumerate(scenario.regions):
        interactive, load = step.did.interactive_gpus[r], step.did.interactive_gpus[r] + step.did.busy_gpus[r]
        if step.did.dropped_gpus[r] > 0.0:
            continue
        expected = power_at_mean_air(region, interactive, load)
        assert expected.net_kw == pytest.approx(step.net_kw[r], rel=1e-9)
        assert expected.facility_kw == pytest.approx(expected.net_kw + step.did.recovered_kw[r], rel=1e-9)


def test_observations_show_the_surplus_that_soaking_goes_by(game: Game) -> None:
    scenario, _, _, seen = game
    blocks = block_of_lead(scenario)
    for step in seen:
        fleet = step.outlook.fleet_gpus
        now = np.minimum(2.0, step.sunny_gpus / fleet)
        np.testing.assert_allclose(step.fields["surplus"][:, 0], now, rtol=1e-5, atol=1e-6)
        ahead = np.minimum(2.0, step.surplus_gpus / fleet)
        means = np.array([ahead[blocks == block].mean(axis=0) for block in range(int(blocks.max()) + 1)])
        np.testing.assert_allclose(step.fields["surplus_ahead"], means.T, rtol=1e-4, atol=1e-6)
