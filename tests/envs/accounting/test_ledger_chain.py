"""What a chain of entries refuses, and how much of a load green power matches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wattward.envs.accounting.chain import (
    CERTIFICATE,
    USE,
    Entry,
    chain,
    entries_of,
    first_fault,
    hour_name,
    sha256_of_json,
)
from wattward.envs.accounting.hourly import N_PLANTS, N_SUPPLIES, Hourly
from wattward.envs.accounting.matching import WAYS, Balance, balance_of, matched, matching_rows
from wattward.envs.model.types import Floats

HOUR, OTHER_HOUR = hour_name(0, 480), hour_name(1, 480)


def random_hourly(seed: int, hours: int = 3) -> Hourly:
    """Two regions and three consumers that use whatever random plants deliver."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> Floats:
        drawn: Floats = rng.uniform(0.0, 9.0, shape) * (rng.uniform(size=shape) < 0.7)
        return drawn

    kwh = some(hours, 2, 3, N_SUPPLIES)
    spare = (hours, 2, N_PLANTS)
    names, users = ("east", "west"), (hours, 2, 3)
    return Hourly(
        hour=np.arange(hours),
        utc_offset_minutes=480,
        regions=names,
        consumers=("interactive", "storage", "overhead"),
        kwh=kwh,
        gpu_h=some(*users),
        carbon_g=some(*users),
        electricity_cost=some(*users),
        delivered_kwh=kwh[..., :N_PLANTS].sum(axis=2),
        curtailed_kwh=some(*spare),
        sold_kwh=some(*spare),
        tokens=some(*users),
    )


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
        (({"entry": "seal", "note": "{}"},), 1, "the seal is not the last"),
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
    entries = entries_of(random_hourly(5), {"world": 5})
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


def test_a_seal_of_another_number_of_entries_is_refused() -> None:
    entries = chain([OPENED, certificate(), use(1.0)])
    short = [*entries[:2], {**entries[3], "number": 2, "previous_sha256": entries[1]["sha256"]}]
    short[2]["sha256"] = sha256_of_json(short[2])
    fault = first_fault(short)
    assert fault is not None
    assert fault.number == 2
    assert "must say" in fault.reason


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


def test_no_load_is_matched_by_nothing() -> None:
    nothing, plants = np.zeros((0, 0)), np.zeros((0, 0, N_PLANTS))
    empty = Balance((), (), nothing, nothing, plants, plants)
    assert matched(empty) == dict.fromkeys(WAYS, 0.0)


@pytest.mark.parametrize(("minutes", "stamp"), [(480, "+08:00"), (0, "+00:00"), (-330, "-05:30")])
def test_hours_carry_the_offset_of_the_scenarios_clock(minutes: int, stamp: str) -> None:
    assert hour_name(7, minutes) == f"1970-01-01T07:00{stamp}"
