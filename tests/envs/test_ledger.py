"""The ledger against the simulator's own flows, and what its chain refuses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.configs import ConfigError, load_scenario, names
from wattward.envs.action import offers_of_modes
from wattward.envs.cluster_env import ClusterEnv
from wattward.envs.ledger import OVERHEAD, PLANTS, Hourly, Ledger, shares
from wattward.envs.ledger_chain import (
    CERTIFICATE,
    USE,
    Entry,
    chain,
    entries_of,
    first_fault,
    hour_name,
)
from wattward.envs.ledger_matching import WAYS, Balance, balance_of, matched, matching_rows
from wattward.envs.simulator import Simulator
from wattward.envs.testing import random_params, random_world
from wattward.envs.types import Flows, Params

EXACT = {"rtol": 1e-9, "atol": 1e-9}
CLASSES = ("batch", "tuning", "training")


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
    ledger = Ledger(params, int(world.start_minute[0]), region_names(n_regions), CLASSES, tokens_per_gpu_h=rates)
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
    facility_kwh = (total["it_kw"] + total["cooling_kw"] + total["wan_kw"]) * step_h
    np.testing.assert_allclose(hourly.kwh.sum(axis=(0, 2, 3)), facility_kwh, **EXACT)
    np.testing.assert_allclose(hourly.kwh.sum(axis=(0, 2))[:, 3], total["grid_kw"] * step_h, **EXACT)
    green_kwh = sum(total[f"{plant}_kw"] for plant in PLANTS) * step_h
    np.testing.assert_allclose(
        hourly.delivered_kwh.sum(axis=(0, 2)), green_kwh - total["curtailed_kw"] * step_h, **EXACT
    )
    np.testing.assert_allclose(hourly.curtailed_kwh.sum(axis=(0, 2)), total["curtailed_kw"] * step_h, **EXACT)
    np.testing.assert_allclose(hourly.kwh[..., :3].sum(axis=2), hourly.delivered_kwh, **EXACT)
    np.testing.assert_allclose(hourly.gpu_h[..., 0].sum(axis=0), total["interactive_gpus"] * step_h, **EXACT)
    np.testing.assert_allclose(hourly.gpu_h[..., 1:].sum(axis=(0, 2)), total["done_gpu_h"], **EXACT)
    np.testing.assert_allclose(hourly.carbon_g.sum(axis=(0, 2)), total["carbon_kg"] * 1000, **EXACT)
    assert (hourly.kwh >= 0.0).all()
    assert not hourly.gpu_h[..., -1].any()


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
            kwh[place] = kwh.get(place, 0.0) + float(entry[f"{plant}_kwh"] or 0.0)
    return {place: amount for place, amount in kwh.items() if amount > 0.0}


@pytest.mark.parametrize("scenario", names("scenarios"))
def test_the_ledger_of_every_scenario_equals_its_simulator(scenario: str) -> None:
    env = ClusterEnv(load_scenario(scenario))
    env.reset(options={"split": "test", "episode": 0})
    regions = [region.name for region in env.scenario.regions]
    classes = [job_class.name for job_class in env.scenario.job_classes]
    ledger = Ledger(env.params, int(env.world.start_minute[0]), regions, classes)
    rng = np.random.default_rng(0)
    for _ in range(min(env.scenario.n_steps, 2000)):
        env.step(rng.integers(0, 4, len(regions)))
        ledger.record(env.flows, env.class_gpu_h)
    hourly, kpis = ledger.hourly(), env.kpis()
    assert hourly.kwh.sum() == pytest.approx(kpis["facility_kwh"], rel=1e-9)
    assert hourly.kwh[..., :3].sum() == pytest.approx(kpis["green_kwh"], rel=1e-9)
    assert hourly.carbon_g.sum() == pytest.approx(kpis["carbon_kg"] * 1000, rel=1e-9)
    assert hourly.gpu_h[:, :, 1:].sum() == pytest.approx(kpis["work_gpu_h"], rel=1e-9)
    assert first_fault(entries_of(hourly, {"scenario": scenario})) is None


def test_shares_by_hand() -> None:
    """2 interactive and 1 batch GPU-h at 1 kW busy; 5 kWh of IT, 1 of cooling, 2 of network: 2.4, 1.2 and 4.4 of 8."""
    share = shares(np.array([[[2.0, 1.0]]]), np.array([[[5.0, 1.0, 2.0]]]), np.array([1.0]))
    np.testing.assert_allclose(share[0, 0] * 8.0, [2.4, 1.2, 4.4])


def test_work_that_draws_less_than_busy_power_takes_all_it_energy() -> None:
    share = shares(np.array([[[2.0, 1.0]]]), np.array([[[1.5, 0.0, 0.0]]]), np.array([1.0]))
    np.testing.assert_allclose(share[0, 0], [2 / 3, 1 / 3, 0.0], atol=1e-12)


def test_an_hour_without_work_is_overhead() -> None:
    share = shares(np.zeros((1, 1, 2)), np.array([[[3.0, 1.0, 0.0]]]), np.array([1.0]))
    np.testing.assert_array_equal(share[0, 0], [0.0, 0.0, 1.0])


def flows_of(**kw: float) -> Flows:
    given = {name: np.full((1, 1), kw.get(name, 0.0)) for name in Flows._fields}
    return Flows(**given)


def one_region(**changes: Any) -> Params:
    return random_params(np.random.default_rng(0), 1, 8)._replace(gpu_busy_kw=np.ones((1, 1)), **changes)


def test_steps_are_summed_to_the_clock_hours_in_which_they_begin() -> None:
    ledger = Ledger(one_region(), 30, ["here"], CLASSES)
    for kw in (1.0, 2.0, 4.0, 8.0):
        ledger.record(flows_of(it_kw=kw, grid_kw=kw, carbon_kg=kw), np.zeros((1, 1, 3)))
    hourly = ledger.hourly()
    assert [hour_name(int(hour)) for hour in hourly.hour] == ["1970-01-01T00:00+08:00", "1970-01-01T01:00+08:00"]
    np.testing.assert_allclose(hourly.kwh.sum(axis=(1, 2, 3)), [0.75, 3.0])
    np.testing.assert_allclose(hourly.carbon_g.sum(axis=(1, 2)), [3000.0, 12000.0])


def test_what_is_curtailed_is_shared_by_what_plants_could_give() -> None:
    ledger = Ledger(one_region(), 0, ["here"], CLASSES)
    flows = flows_of(it_kw=6.0, sun_kw=8.0, wind_kw=4.0, curtailed_kw=6.0, interactive_gpus=6.0)
    ledger.record(flows, np.zeros((1, 1, 3)))
    hourly = ledger.hourly()
    np.testing.assert_allclose(hourly.delivered_kwh[0, 0], [1.0, 0.5, 0.0])
    np.testing.assert_allclose(hourly.curtailed_kwh[0, 0], [1.0, 0.5, 0.0])
    np.testing.assert_allclose(hourly.kwh[0, 0, 0], [1.0, 0.5, 0.0, 0.0])


def test_tokens_follow_gpu_hours_and_are_absent_without_rates() -> None:
    hourly, _ = random_ledger(1, 2)
    assert hourly.tokens is not None
    np.testing.assert_allclose(hourly.tokens, hourly.gpu_h * [7.0, 0.0, 0.0, 3.0, 0.0])
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
        Ledger(params, 0, regions, classes, tokens_per_gpu_h=rates)


def test_an_empty_ledger_has_no_hours() -> None:
    with pytest.raises(ValueError, match="record a step first"):
        Ledger(one_region(), 0, ["here"], CLASSES).hourly()


def test_one_environment_of_a_batch_is_that_environment_alone() -> None:
    rng = np.random.default_rng(3)
    params = random_params(rng, 2, 8)
    worlds = [random_world(rng, params, 10) for _ in range(2)]
    both, alone = Simulator(params, 2), Simulator(params)
    for b, world in enumerate(worlds):
        both.load(b, world)
    alone.load(0, worlds[1])
    second = Ledger(params, int(worlds[1].start_minute[0]), region_names(2), CLASSES, b=1)
    single = Ledger(params, int(worlds[1].start_minute[0]), region_names(2), CLASSES)
    for _ in range(8):
        second.record(both.step(offers_of_modes(np.full((2, 2), 2))), both.class_gpu_h)
        single.record(alone.step(offers_of_modes(np.full((1, 2), 2))), alone.class_gpu_h)
    np.testing.assert_array_equal(second.hourly().kwh, single.hourly().kwh)


HOUR, OTHER_HOUR = hour_name(0), hour_name(1)


def certificate(kwh: float = 2.0, hour: str = HOUR, region: str = "east", plant: str = "sun") -> Entry:
    return {"entry": CERTIFICATE, "hour": hour, "region": region, "plant": plant, "kwh": kwh, "curtailed_kwh": 0.0}


def use(kwh: float, hour: str = HOUR, region: str = "east", consumer: str = "batch", plant: str = "sun") -> Entry:
    return {"entry": USE, "hour": hour, "region": region, "consumer": consumer, f"{plant}_kwh": kwh}


OPENED: Entry = {"entry": "opening", "note": "{}"}


def fault_of(*contents: Entry) -> tuple[int, str] | None:
    fault = first_fault(chain([OPENED, *contents]))
    return None if fault is None else (fault.number, fault.reason)


def test_certificates_are_used_up_by_their_hour_place_and_plant() -> None:
    assert fault_of(certificate(), use(1.5), use(0.5, consumer="training")) is None


@pytest.mark.parametrize(
    ("contents", "number", "reason"),
    [
        ((certificate(), use(1.5), use(0.6, consumer="training")), 3, "0.1 kWh more than its certificate still holds"),
        ((certificate(), use(1.0, region="west")), 2, "west · sun"),
        ((certificate(), use(1.0, hour=OTHER_HOUR)), 2, "01:00"),
        ((certificate(), use(1.0, plant="wind")), 2, "east · wind"),
        ((certificate(), certificate()), 2, "a second certificate"),
        ((certificate(), use(0.5), use(0.5)), 3, "a second use"),
        ((certificate(), use(-1.0), use(3.0, consumer="training")), 2, "0 or more"),
        ((certificate(float("nan")),), 1, "0 or more"),
        ((OPENED,), 1, "one opening"),
        (({"entry": "gift"},), 1, "no known kind: 'gift'"),
    ],
)
def test_a_chain_of_right_hashes_is_still_refused_for_what_it_counts(
    contents: tuple[Entry, ...], number: int, reason: str
) -> None:
    fault = fault_of(*contents)
    assert fault is not None
    assert fault[0] == number
    assert reason in fault[1]


def tamper(entries: list[Entry], rng: np.random.Generator) -> tuple[list[Entry], int]:
    """One random change to a copy of a chain, and the number of the first entry that it concerns."""
    rows, kind = [dict(entry) for entry in entries], rng.integers(6)
    i, j = sorted(int(k) for k in rng.choice(len(rows), 2, replace=False))
    if kind == 0:
        del rows[i]
    elif kind == 1:
        rows[i], rows[j] = rows[j], rows[i]
    elif kind == 2:
        rows.insert(i, dict(rows[j]))
    elif kind == 3:
        rows[i:] = []
    elif kind == 4:
        del rows[i][str(rng.choice(sorted(rows[i])))]
    else:
        name = str(rng.choice(sorted(rows[i])))
        rows[i][name] = altered(rows[i][name], rng)
    return rows, i


def altered(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, str):
        place = int(rng.integers(len(value)))
        return value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
    return value + 1 if isinstance(value, int) else float(np.nextafter(value, np.inf))


def test_every_one_of_a_thousand_tamperings_is_found_where_it_begins() -> None:
    rng = np.random.default_rng(20261121)
    entries = entries_of(random_ledger(5, 2, 12)[0], {"world": 5})
    assert first_fault(entries) is None
    for _ in range(1000):
        rows, first = tamper(entries, rng)
        fault = first_fault(rows)
        assert fault is not None
        assert fault.number == first


def test_a_chain_written_anew_is_told_by_its_head() -> None:
    entries = chain([OPENED, certificate(), use(1.0)])
    forged = chain([OPENED, certificate(3.0), use(3.0)])
    head = str(entries[-1]["sha256"])
    assert first_fault(forged) is None
    assert first_fault(entries, head) is None
    fault = first_fault(forged, head)
    assert fault is not None
    assert fault.number == 3
    assert "written anew" in fault.reason


def test_nothing_is_no_chain() -> None:
    fault = first_fault([])
    assert str(fault) == "entry 0: missing; the chain ends without its seal"


def test_ways_of_matching_by_hand() -> None:
    """Two hours of two months, east with sun at the wrong time, west without: all four ways differ."""
    entries = chain(
        [
            OPENED,
            {**certificate(1.0, "2026-01-31T22:00+08:00"), "curtailed_kwh": 2.0},
            {**use(1.0, "2026-01-31T22:00+08:00"), "grid_kwh": 0.0},
            {**use(0.0, "2026-01-31T22:00+08:00", "west"), "grid_kwh": 1.0},
            {**use(0.0, "2026-01-31T23:00+08:00"), "grid_kwh": 0.5},
            {**use(0.0, "2026-02-01T00:00+08:00"), "grid_kwh": 1.5},
        ]
    )
    balance = balance_of(entries)
    assert matched(balance) == pytest.approx(
        {"annual": 3.0 / 4.0, "monthly": 2.5 / 4.0, "hourly": 2.0 / 4.0, "hour_and_place": 1.0 / 4.0}
    )
    east, west, both = matching_rows(balance)
    assert (east["region"], east["hour_and_place"], east["hourly"]) == (
        "east",
        pytest.approx(1 / 3),
        pytest.approx(1 / 3),
    )
    assert (west["load_kwh"], west["annual"]) == (1.0, 0.0)
    assert both["load_kwh"] == 4.0


@given(**WORLDS)
@settings(max_examples=20)
def test_stricter_matching_never_gives_more(seed: int, n_regions: int) -> None:
    found = matched(balance_of(entries_of(random_ledger(seed, n_regions)[0], {})))
    ordered = [found[way] for way in WAYS]
    assert all(looser >= stricter - 1e-12 for looser, stricter in pairwise(ordered))
    assert 0.0 <= ordered[-1] <= ordered[0] <= 1.0 + 1e-12


def test_no_load_is_matched_by_nothing() -> None:
    empty = Balance((), (), np.zeros((0, 0)), np.zeros((0, 0, 3)), np.zeros((0, 0, 3)))
    assert matched(empty) == dict.fromkeys(WAYS, 0.0)
