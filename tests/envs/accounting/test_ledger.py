"""The ledger against the simulator's own flows."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wattward.configs import ConfigError, load_scenario, names
from wattward.envs.accounting.chain import CERTIFICATE, USE, Entry, entries_of, first_fault, hour_name
from wattward.envs.accounting.check import ledger_difference
from wattward.envs.accounting.hourly import ELECTRICITY_TERMS, N_PLANTS, OVERHEAD, STORAGE, Hourly, Ledger, shares
from wattward.envs.accounting.matching import WAYS, balance_of, matched
from wattward.envs.accounting.supplies import PLANTS, SUPPLIES, SUPPLY
from wattward.envs.checks.balances import random_params, random_world
from wattward.envs.decisions.modes import offers_of_modes
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.registration import ENVIRONMENTS
from wattward.envs.model.types import Floats, Flows, Params
from wattward.envs.simulator.simulator import Simulator

EXACT = {"rtol": 1e-9, "atol": 1e-9}
CLASSES = ("batch", "tuning", "training")
GRID = SUPPLIES.index("grid")
HOUR = hour_name(0, 480)
NEW_FIELDS = ("recovered_kw", "direct_kw", "direct_used_kw", "contract_kw", "charge_kw", "discharge_kw", "sold_kw")


def region_names(n_regions: int) -> list[str]:
    return [f"region-{r}" for r in range(n_regions)]


def random_ledger(seed: int, n_regions: int, n_steps: int = 30) -> tuple[Hourly, dict[str, Any]]:
    """A random world under random modes: its ledger, and what the flows themselves sum to by region."""
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, n_steps)
    world = random_world(rng, params, n_jobs=20)
    simulator = Simulator(params)
    simulator.load(0, world)
    rates = {"interactive": 7.0, "training": 3.0}
    ledger = Ledger(
        params,
        int(world.start_minute[0]),
        region_names(n_regions),
        CLASSES,
        utc_offset_minutes=480,
        tokens_per_gpu_h=rates,
    )
    for _ in range(n_steps):
        flows = simulator.step(offers_of_modes(rng.integers(0, 4, (1, n_regions))))
        ledger.record(flows, simulator.class_gpu_h)
    total = simulator.tally.total._asdict()
    return ledger.hourly(), {name: field[0].copy() for name, field in total.items()}


WORLDS = {"seed": st.integers(0, 2**31), "n_regions": st.integers(1, 4)}


@given(**WORLDS)
@settings(max_examples=40)
def test_kwh_gpu_h_and_carbon_are_those_of_the_flows(seed: int, n_regions: int) -> None:
    hourly, total = random_ledger(seed, n_regions)
    step_h = 0.25
    kw = {name: total.get(name, np.zeros(n_regions)) for name in (*total, *NEW_FIELDS)}
    facility_kwh = (kw["it_kw"] + kw["cooling_kw"] + kw["wan_kw"] + kw["charge_kw"]) * step_h
    np.testing.assert_allclose(hourly.kwh.sum(axis=(0, 2, 3)), facility_kwh, **EXACT)
    np.testing.assert_allclose(hourly.kwh.sum(axis=(0, 2))[:, GRID], total["grid_kw"] * step_h, **EXACT)
    own_kw = kw["sun_kw"] + kw["wind_kw"] + kw["hydro_kw"] + kw["recovered_kw"] - kw["sold_kw"]
    green_kwh = (own_kw + kw["direct_kw"] + kw["contract_kw"] - kw["curtailed_kw"]) * step_h
    np.testing.assert_allclose(hourly.delivered_kwh.sum(axis=(0, 2)), green_kwh, **EXACT)
    np.testing.assert_allclose(hourly.sold_kwh.sum(axis=(0, 2)), kw["sold_kw"] * step_h, **EXACT)
    np.testing.assert_allclose(hourly.curtailed_kwh.sum(axis=(0, 2)), total["curtailed_kw"] * step_h, **EXACT)
    np.testing.assert_allclose(hourly.kwh[..., :N_PLANTS].sum(axis=2), hourly.delivered_kwh, **EXACT)
    np.testing.assert_allclose(hourly.gpu_h[..., 0].sum(axis=0), total["interactive_gpus"] * step_h, **EXACT)
    np.testing.assert_allclose(hourly.gpu_h[..., 1:-2].sum(axis=(0, 2)), total["done_gpu_h"], **EXACT)
    np.testing.assert_allclose(hourly.carbon_g.sum(axis=(0, 2)), total["carbon_kg"] * 1000, **EXACT)
    electricity = sum(total[name] for name in ELECTRICITY_TERMS if name in total)
    np.testing.assert_allclose(hourly.electricity_cost.sum(axis=(0, 2)), electricity, **EXACT)
    assert (hourly.kwh >= 0.0).all()
    assert not hourly.gpu_h[..., -2:].any()


@given(**WORLDS)
@settings(max_examples=20)
def test_no_kwh_is_counted_twice_and_every_one_is_used(seed: int, n_regions: int) -> None:
    hourly, _ = random_ledger(seed, n_regions)
    entries = entries_of(hourly, {"seed": seed})
    assert first_fault(entries) is None
    issued, used = certified(entries), claimed(entries)
    assert set(used) <= set(issued)
    for place, kwh in issued.items():
        assert used.get(place, 0.0) == pytest.approx(kwh, rel=1e-9, abs=1e-12)


def certified(entries: list[Entry]) -> dict[tuple[Any, ...], float]:
    issues = [entry for entry in entries if entry["entry"] == CERTIFICATE]
    kwh = {(entry["hour"], entry["region"], entry["plant"]): float(entry["kwh"] or 0.0) for entry in issues}
    assert len(kwh) == len(issues)
    return kwh


def claimed(entries: list[Entry]) -> dict[tuple[Any, ...], float]:
    kwh: dict[tuple[Any, ...], float] = {}
    for entry in (entry for entry in entries if entry["entry"] == USE):
        for plant in PLANTS:
            place = (entry["hour"], entry["region"], plant)
            kwh[place] = kwh.get(place, 0.0) + float(entry.get(f"{plant}_kwh") or 0.0)
    return {place: amount for place, amount in kwh.items() if amount > 0.0}


@pytest.mark.parametrize("scenario", names("scenarios"))
def test_the_ledger_of_every_scenario_equals_its_simulator(scenario: str) -> None:
    env = ClusterEnv(load_scenario(scenario))
    env.reset(options={"split": "test", "episode": 0})
    regions = [region.name for region in env.scenario.regions]
    classes = [job_class.name for job_class in env.scenario.job_classes]
    ledger = Ledger(env.params, int(env.world.start_minute[0]), regions, classes, utc_offset_minutes=480)
    rng = np.random.default_rng(0)
    for _ in range(min(env.scenario.n_steps, 2000)):
        env.step(rng.integers(0, 4, len(regions)))
        ledger.record(env.flows, env.class_gpu_h)
    hourly, kpis = ledger.hourly(), env.kpis()
    assert hourly.kwh.sum() == pytest.approx(kpis["facility_kwh"], rel=1e-9)
    assert hourly.kwh[..., :N_PLANTS].sum() == pytest.approx(kpis["green_kwh"], rel=1e-9)
    assert hourly.carbon_g.sum() == pytest.approx(kpis["carbon_kg"] * 1000, rel=1e-9)
    assert hourly.gpu_h[:, :, 1:].sum() == pytest.approx(kpis["work_gpu_h"], rel=1e-9)
    assert first_fault(entries_of(hourly, {"scenario": scenario})) is None


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_kwh_by_region_consumer_and_supply_are_the_simulators(env_id: str) -> None:
    """Two days of random actions; each hour's kWh are dealt to consumers anew here, straight from the flows."""
    env = ClusterEnv(load_scenario(ENVIRONMENTS[env_id]).model_copy(update={"episode_days": 2}))
    env.reset(options={"split": "test", "episode": 1})
    env.action_space.seed(2)
    regions = [region.name for region in env.scenario.regions]
    classes = [job_class.name for job_class in env.scenario.job_classes]
    ledger = Ledger(env.params, int(env.world.start_minute[0]), regions, classes, utc_offset_minutes=480)
    step_h, per_hour, n_hours = env.scenario.step_h, round(1 / env.scenario.step_h), 48
    used = np.zeros((n_hours, len(regions), len(SUPPLIES)))
    measured = {name: np.zeros((n_hours, len(regions))) for name in ("it_kw", "cooling_kw", "wan_kw", "charge_kw")}
    gpu_h = np.zeros((n_hours, len(regions), 1 + len(classes)))
    for t in range(env.scenario.n_steps):
        env.step(env.action_space.sample())
        ledger.record(env.flows, env.class_gpu_h)
        flows = {name: field[0] for name, field in env.flows._asdict().items()}
        for name, kwh in measured.items():
            kwh[t // per_hour] += flows[name] * step_h
        used[t // per_hour] += np.stack([flows[s.flow] for s in SUPPLY.values()], axis=1) * step_h
        gpu_h[t // per_hour, :, 0] += flows["interactive_gpus"] * step_h
        gpu_h[t // per_hour, :, 1:] += env.class_gpu_h[0]
    hourly, total = ledger.hourly(), env._simulator.tally.total
    assert ledger_difference(hourly, total, gpu_h[None, :, :, 1:].sum(axis=1), step_h) < 1e-9
    dealt, by_supply = dealt_kwh(env, measured, gpu_h), hourly.kwh.sum(axis=2)
    share = by_supply / by_supply.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(hourly.kwh, dealt[..., None] * share[:, :, None], **EXACT)
    beyond_plants = slice(N_PLANTS, None)
    np.testing.assert_allclose(by_supply[..., beyond_plants], used[..., beyond_plants], **EXACT)
    parts = hourly.delivered_kwh + hourly.curtailed_kwh + hourly.sold_kwh
    on_site = [s for s, supply in enumerate(SUPPLY.values()) if supply.kind == "on site"]
    np.testing.assert_allclose(parts[..., on_site], used[..., on_site], **EXACT)
    np.testing.assert_allclose(hourly.gpu_h[..., :-2], gpu_h, **EXACT)


@pytest.mark.parametrize("field", ["kwh", "gpu_h", "carbon_g", "electricity_cost", "curtailed_kwh"])
def test_a_ledger_that_differs_is_seen(field: str) -> None:
    env = ClusterEnv(load_scenario("toy").model_copy(update={"episode_days": 1}))
    env.reset(options={"split": "test", "episode": 0})
    ledger, work = Ledger(env.params, 0, ["a", "b"], ["batch"], utc_offset_minutes=480), np.zeros_like(env.class_gpu_h)
    for _ in range(env.scenario.n_steps):
        env.step(np.full(2, 2))
        ledger.record(env.flows, env.class_gpu_h)
        work += env.class_gpu_h
    hourly, total, step_h = ledger.hourly(), env._simulator.tally.total, env.scenario.step_h
    assert ledger_difference(hourly, total, work, step_h) < 1e-12
    spoilt = getattr(hourly, field).copy()
    spoilt[3, 1, 0] += 1e-3
    assert ledger_difference(hourly._replace(**{field: spoilt}), total, work, step_h) > 1e-9


def dealt_kwh(env: ClusterEnv, measured: dict[str, Floats], gpu_h: Floats) -> Floats:
    """Each consumer's kWh by hour and region, (H, R, U): work at busy power and its cooling, storage, then the rest."""
    it_kwh, cooling_kwh = measured["it_kw"], measured["cooling_kw"]
    at_work_gpu_h = gpu_h.sum(axis=2)
    work_kwh = np.minimum(it_kwh, at_work_gpu_h * env.params.gpu_busy_kw[0])
    each_kwh = work_kwh * (1.0 + cooling_kwh / it_kwh) / np.where(at_work_gpu_h > 0.0, at_work_gpu_h, 1.0)
    own = gpu_h * each_kwh[..., None]
    stored = measured["charge_kw"]
    rest = sum(measured.values()) - own.sum(axis=2) - stored
    return np.concatenate([own, stored[..., None], rest[..., None]], axis=2)


def test_shares_by_hand() -> None:
    """2 interactive and 1 batch GPU-h at 1 kW busy; 5 kWh of IT, 1 of cooling, 2 of network, 2 stored."""
    share = shares(np.array([[[2.0, 1.0]]]), np.array([[[5.0, 1.0, 2.0, 2.0]]]), np.array([1.0]))
    np.testing.assert_allclose(share[0, 0] * 10.0, [2.4, 1.2, 2.0, 4.4])


def test_work_that_draws_less_than_busy_power_takes_all_it_energy() -> None:
    share = shares(np.array([[[2.0, 1.0]]]), np.array([[[1.5, 0.0, 0.0, 0.0]]]), np.array([1.0]))
    np.testing.assert_allclose(share[0, 0], [2 / 3, 1 / 3, 0.0, 0.0], atol=1e-12)


def test_an_hour_without_work_is_overhead() -> None:
    share = shares(np.zeros((1, 1, 2)), np.array([[[3.0, 1.0, 0.0, 0.0]]]), np.array([1.0]))
    np.testing.assert_array_equal(share[0, 0], [0.0, 0.0, 0.0, 1.0])


def flows_of(**kw: float) -> Flows:
    given = {name: np.full((1, 1), kw.get(name, 0.0)) for name in Flows._fields}
    return Flows(**given)


def one_region(**changes: Any) -> Params:
    return random_params(np.random.default_rng(0), 1, 8)._replace(gpu_busy_kw=np.ones((1, 1)), **changes)


def test_steps_are_summed_to_the_clock_hours_in_which_they_begin() -> None:
    ledger = Ledger(one_region(), 30, ["here"], CLASSES, utc_offset_minutes=480)
    for kw in (1.0, 2.0, 4.0, 8.0):
        ledger.record(flows_of(it_kw=kw, grid_kw=kw, carbon_kg=kw), np.zeros((1, 1, 3)))
    hourly = ledger.hourly()
    assert [hour_name(int(hour), 480) for hour in hourly.hour] == ["1970-01-01T00:00+08:00", "1970-01-01T01:00+08:00"]
    np.testing.assert_allclose(hourly.kwh.sum(axis=(1, 2, 3)), [0.75, 3.0])
    np.testing.assert_allclose(hourly.carbon_g.sum(axis=(1, 2)), [3000.0, 12000.0])


def test_what_is_curtailed_is_shared_by_what_plants_could_give() -> None:
    ledger = Ledger(one_region(), 0, ["here"], CLASSES, utc_offset_minutes=480)
    flows = flows_of(it_kw=6.0, sun_kw=8.0, wind_kw=4.0, curtailed_kw=6.0, interactive_gpus=6.0)
    ledger.record(flows, np.zeros((1, 1, 3)))
    hourly = ledger.hourly()
    np.testing.assert_allclose(hourly.delivered_kwh[0, 0], by_plant(sun=1.0, wind=0.5))
    np.testing.assert_allclose(hourly.curtailed_kwh[0, 0], by_plant(sun=1.0, wind=0.5))
    np.testing.assert_allclose(hourly.kwh[0, 0, 0, :N_PLANTS], by_plant(sun=1.0, wind=0.5))


def by_plant(**kwh: float) -> list[float]:
    return [kwh.get(plant, 0.0) for plant in PLANTS]


def richer_flows(**kw: float) -> Any:
    """Flows with every supply there is, of one region."""
    names = dict.fromkeys((*Flows._fields, *NEW_FIELDS))
    return SimpleNamespace(**{name: np.full((1, 1), kw.get(name, 0.0)) for name in names})


def balanced_flows(rng: np.random.Generator) -> Any:
    """Random flows that balance: what plants, stores and grid give is used, stored, curtailed or sold."""
    supply = ("sun_kw", "wind_kw", "hydro_kw", "recovered_kw", "contract_kw", "discharge_kw", "direct_kw")
    kw = dict(zip(supply, rng.uniform(0.0, 5.0, len(supply)), strict=True))
    kw["direct_used_kw"] = kw["direct_kw"] * rng.uniform()
    own = kw["sun_kw"] + kw["wind_kw"] + kw["hydro_kw"] + kw["recovered_kw"]
    cut, sold, _ = own * rng.dirichlet([1.0, 1.0, 1.0])
    kw |= {"curtailed_kw": cut + kw["direct_kw"] - kw["direct_used_kw"], "sold_kw": sold, "grid_kw": rng.uniform(0, 5)}
    used = sum(kw[name] for name in (*supply, "grid_kw")) - kw["curtailed_kw"] - sold
    parts = dict(zip(("it_kw", "cooling_kw", "wan_kw", "charge_kw"), used * rng.dirichlet(np.ones(4)), strict=True))
    return richer_flows(**kw, **parts, interactive_gpus=float(rng.uniform(0.0, 8.0)))


@given(seed=st.integers(0, 2**31))
@settings(max_examples=50)
def test_every_supply_there_may_be_balances_in_the_ledger(seed: int) -> None:
    rng = np.random.default_rng(seed)
    flows, ledger = balanced_flows(rng), Ledger(one_region(), 0, ["here"], CLASSES, utc_offset_minutes=480)
    ledger.record(flows, rng.uniform(0.0, 1.0, (1, 1, 3)))
    hourly = ledger.hourly()
    used = dict(zip(SUPPLIES, hourly.kwh.sum(axis=(0, 1, 2)) / 0.25, strict=True))
    drawn_kw = float((flows.it_kw + flows.cooling_kw + flows.wan_kw + flows.charge_kw)[0, 0])
    assert sum(used.values()) == pytest.approx(drawn_kw, rel=1e-9)
    assert hourly.kwh[0, 0, -2].sum() / 0.25 == pytest.approx(float(flows.charge_kw[0, 0]), rel=1e-9)
    for name, field in (("direct", "direct_used_kw"), ("contract", "contract_kw"), ("stores", "discharge_kw")):
        assert used[name] == pytest.approx(float(getattr(flows, field)[0, 0]), rel=1e-9)
    assert hourly.curtailed_kwh.sum() / 0.25 == pytest.approx(float(flows.curtailed_kw[0, 0]), rel=1e-9)
    assert hourly.sold_kwh.sum() / 0.25 == pytest.approx(float(flows.sold_kw[0, 0]), rel=1e-9)
    entries = entries_of(hourly, {})
    assert first_fault(entries) is None
    balance = balance_of(entries)
    assert balance.load_kwh.sum() + balance.stores_kwh.sum() == pytest.approx(hourly.kwh.sum(), rel=1e-9)


def test_what_a_battery_gives_back_is_green_to_nobody() -> None:
    """4 kWh of sun are stored in an hour; in the next the battery gives back 3: 4 of 4 kWh drawn are green, never 7."""
    ledger = Ledger(one_region(), 0, ["here"], CLASSES, utc_offset_minutes=480)
    for hour in range(2):
        flows = richer_flows(sun_kw=4.0, charge_kw=4.0) if hour == 0 else richer_flows(discharge_kw=3.0, it_kw=3.0)
        for _ in range(4):
            ledger.record(flows, np.zeros((1, 1, 3)))
    entries = entries_of(ledger.hourly(), {})
    assert certified(entries) == {(HOUR, "here", "sun"): 4.0}
    uses = [(e["consumer"], e.get("sun_kwh"), e.get("stores_kwh")) for e in entries if e["entry"] == USE]
    assert uses == [(STORAGE, 4.0, None), (OVERHEAD, None, 3.0)]
    balance = balance_of(entries)
    np.testing.assert_allclose(balance.load_kwh, [[4.0], [0.0]])
    assert matched(balance) == pytest.approx(dict.fromkeys(WAYS, 1.0))


def test_what_is_sold_and_what_a_direct_line_offers_in_vain_are_noted_and_not_claimed() -> None:
    ledger = Ledger(one_region(), 0, ["here"], CLASSES, utc_offset_minutes=480)
    kw = {"sun_kw": 12.0, "sold_kw": 4.0, "direct_kw": 8.0, "direct_used_kw": 4.0, "curtailed_kw": 8.0, "it_kw": 8.0}
    ledger.record(richer_flows(**kw), np.zeros((1, 1, 3)))
    hourly = ledger.hourly()
    np.testing.assert_allclose(hourly.delivered_kwh[0, 0], by_plant(sun=1.0, direct=1.0))
    np.testing.assert_allclose(hourly.curtailed_kwh[0, 0], by_plant(sun=1.0, direct=1.0))
    np.testing.assert_allclose(hourly.sold_kwh[0, 0], by_plant(sun=1.0))
    sun = entries_of(hourly, {})[1]
    assert (sun["plant"], sun["kwh"], sun["sold_kwh"]) == ("sun", pytest.approx(1.0), pytest.approx(1.0))


def test_tokens_follow_gpu_hours_and_are_absent_without_rates() -> None:
    hourly, _ = random_ledger(1, 2)
    assert hourly.tokens is not None
    np.testing.assert_allclose(hourly.tokens, hourly.gpu_h * [7.0, 0.0, 0.0, 3.0, 0.0, 0.0])
    assert any("tokens" in entry for entry in entries_of(hourly, {}))
    assert not any("tokens" in entry for entry in entries_of(hourly._replace(tokens=None), {}))


@pytest.mark.parametrize(
    ("regions", "classes", "rates", "wanted"),
    [
        (["a"], CLASSES, None, r"regions = \['a'\]: must be 2 names"),
        (["a", "a"], CLASSES, None, "names must differ"),
        (["a", "b"], ("x", "y", OVERHEAD), None, "consumers .* names must differ"),
        (["a", "b"], CLASSES, {"bach": 1.0}, "names 'bach': must be one of interactive, batch, tuning, training"),
        (["a", "b"], CLASSES, {"batch": -1.0}, r"batch = -1\.0: must be a number, 0 or more"),
    ],
)
def test_names_and_rates_that_cannot_be_are_refused(regions: Any, classes: Any, rates: Any, wanted: str) -> None:
    params = random_params(np.random.default_rng(0), 2, 8)
    with pytest.raises(ConfigError, match=wanted):
        Ledger(params, 0, regions, classes, utc_offset_minutes=480, tokens_per_gpu_h=rates)


def test_an_empty_ledger_has_no_hours() -> None:
    with pytest.raises(ValueError, match="record a step first"):
        Ledger(one_region(), 0, ["here"], CLASSES, utc_offset_minutes=480).hourly()


def test_one_environment_of_a_batch_is_that_environment_alone() -> None:
    rng = np.random.default_rng(3)
    params = random_params(rng, 2, 8)
    worlds = [random_world(rng, params, 10) for _ in range(2)]
    both, alone = Simulator(params, 2), Simulator(params)
    for b, world in enumerate(worlds):
        both.load(b, world)
    alone.load(0, worlds[1])
    second = Ledger(params, int(worlds[1].start_minute[0]), region_names(2), CLASSES, utc_offset_minutes=480, b=1)
    single = Ledger(params, int(worlds[1].start_minute[0]), region_names(2), CLASSES, utc_offset_minutes=480)
    for _ in range(8):
        second.record(both.step(offers_of_modes(np.full((2, 2), 2))), both.class_gpu_h)
        single.record(alone.step(offers_of_modes(np.full((1, 2), 2))), alone.class_gpu_h)
    np.testing.assert_array_equal(second.hourly().kwh, single.hourly().kwh)


@given(**WORLDS)
@example(seed=2**31, n_regions=1)
@settings(max_examples=20)
def test_stricter_matching_never_gives_more(seed: int, n_regions: int) -> None:
    found = matched(balance_of(entries_of(random_ledger(seed, n_regions)[0], {})))
    ordered = [found[way] for way in WAYS]
    assert all(looser >= stricter for looser, stricter in pairwise(ordered))
    assert 0.0 <= ordered[-1] <= ordered[0] <= 1.0
