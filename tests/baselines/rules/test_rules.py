"""All rules: their names, what they do with any jobs, and rules that choose modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.baselines import make, names
from wattward.baselines.registry import JOB_RULES, gives_orders
from wattward.configs import ConfigError
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import IN_TRANSIT, RUNNING
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

HOLD, SOAK, RUN, PULL = Mode.HOLD, Mode.SOAK, Mode.RUN, Mode.PULL
ORDER_MATTERS = {"Random", "RoundRobin", "GreedyReservation", "CarbonClipper", "LeastPending", "MostAvailable"}
"""Chance and turns go by number; of plans that cost the same and of equal regions the first found is taken."""
OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]


def modes(name: str, outlook: Outlook) -> list[int]:
    policy = make(name)
    policy.reset(outlook, np.random.default_rng(0))
    chosen = policy.act(outlook)
    assert isinstance(chosen, np.ndarray) and chosen.dtype == np.int64
    return chosen.tolist()


# names


def test_every_name_makes_a_policy_of_that_name() -> None:
    assert len(names()) == len(set(names())) >= 25
    assert [make(name).name for name in names()] == names()
    for name in ("Threshold-0.25", "Threshold-soak-0.4", "Threshold-pull-0", "WaitAwhile-carbon", "PeakOffset-modes"):
        assert make(name).name == name


def test_every_rule_for_jobs_has_a_voted_form_that_no_board_lists() -> None:
    for name in (*JOB_RULES, "Threshold-0.25", "WaitAwhile-carbon"):
        assert gives_orders(name) and make(f"{name}-voted").name == f"{name}-voted"
    assert not [name for name in names() if name.endswith("-voted")]
    assert not [name for name in ("RunOnArrival", "Random", "MPC-24", "PeakOffset-modes") if gives_orders(name)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PeakOfset", r"unknown policy 'PeakOfset'; did you mean PeakOffset, .*\(known: RunOnArrival, "),
        ("zzz", r"unknown policy 'zzz' \(known: "),
        ("", r"unknown policy '' \(known: "),
        ("Threshold-high", r"policy 'Threshold-high': 'high': must be a number from 0 to 1"),
        ("Threshold-1.5", r"policy Threshold-1.5: q = 1.5: must be a number from 0 to 1"),
        ("RunOnArrival-voted", r"unknown policy 'RunOnArrival-voted'; did you mean RunOnArrival"),
        ("WaitAwhile-voted-voted", r"NAME-voted for rules that give orders to jobs"),
        ("Threshold-soak-nan", r"q = nan: must be a number from 0 to 1"),
    ],
)
def test_a_wrong_name_is_one_clear_error(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(name)


# rules that choose modes


def test_run_on_arrival_runs(outlook_of: OutlookOf) -> None:
    assert modes("RunOnArrival", outlook_of()) == [RUN, RUN]


def test_random_follows_the_generator_of_reset(outlook_of: OutlookOf) -> None:
    outlook, policy = outlook_of(longitude_deg=(120, 110, 100, 90), price=(1.0, 1.0, 1.0, 1.0)), make("Random")

    def drawn(seed: int) -> list[list[int]]:
        policy.reset(outlook, np.random.default_rng(seed))
        return [policy.act(outlook).tolist() for _ in range(50)]

    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    assert {mode for step in first for mode in step} == set(Mode)


@pytest.mark.parametrize(
    ("hours", "with_return", "without"),
    [
        ([8, 9], [HOLD, PULL], [HOLD, PULL]),
        ([10, 11, 12, 13, 17, 18], [RUN, PULL], [RUN, PULL]),
        ([14, 15, 16, 19, 20, 21], [RUN, RUN], [RUN, RUN]),
        ([22, 23, 0, 3, 7], [PULL, HOLD], [RUN, RUN]),
    ],
)
def test_peak_offset_by_modes_follows_the_clock_and_not_the_price(
    outlook_of: OutlookOf, hours: list[int], with_return: list[Mode], without: list[Mode]
) -> None:
    for hour in hours:
        for price in ((0.1, 9.0), (9.0, 0.1)):
            outlook = outlook_of(price=price, hour=hour)
            assert modes("PeakOffset-modes", outlook) == with_return
            assert modes("PeakOffset-NoReturn-modes", outlook) == without


def test_peak_offset_by_modes_tells_coast_from_west_by_longitude(outlook_of: OutlookOf) -> None:
    four = outlook_of(price=(1.0, 1.0, 1.0, 1.0), hour=8, longitude_deg=(106.0, 121.0, 114.9, 105.0))
    assert modes("PeakOffset-modes", four) == [PULL, HOLD, HOLD, PULL]
    for hour in (3, 8, 9):
        assert modes("PeakOffset-modes", outlook_of(price=(1.0,), hour=hour, longitude_deg=(120.0,))) == [RUN]


# any jobs


@st.composite
def job_tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    status = st.sampled_from([0, 0, RUNNING, IN_TRANSIT])
    sizes = st.tuples(st.integers(0, 2), st.integers(1, 60), st.integers(1, 30), st.integers(-3, 60), st.integers(0, 2))
    return [
        {"region": r, "gpus": float(g), "hours": h / 2, "due_h": d, "job_class": c, "status": draw(status)}
        for r, g, h, d, c in draw(st.lists(sizes, max_size=12))
    ]


@settings(max_examples=25)
@given(table=job_tables(), seed=st.integers(0, 999), hour=st.integers(0, 23), shuffled=st.permutations(range(3)))
def test_rules_permute_with_the_regions(
    outlook_of: OutlookOf, job_of: JobOf, table: list[dict[str, Any]], seed: int, hour: int, shuffled: list[int]
) -> None:
    """Region i of the second world is region `shuffled[i]` of the first."""
    rng = np.random.default_rng(seed)
    series = {key: rng.uniform(0.1, 1.0, (25, 3)) for key in ("price", "carbon")} | {
        "sun_kw": rng.uniform(0.0, 90.0, (25, 3))
    }
    longitude = rng.uniform(80.0, 122.0, 3)
    new_number = {old: new for new, old in enumerate(shuffled)}
    moved = [job_of(**{**job, "region": new_number[job["region"]]}) for job in table]
    first = outlook_of([job_of(**job) for job in table], **series, hour=hour, longitude_deg=longitude)
    permuted = {key: value[:, shuffled] for key, value in series.items()}
    second = outlook_of(moved, **permuted, hour=hour, longitude_deg=longitude[shuffled])
    for name in (*names(), "WaitAwhile-voted", "CheapestNow-voted"):
        one, other = (decided(name, outlook) for outlook in (first, second))
        if name in ORDER_MATTERS or (name.startswith("PeakOffset") and _is_tied(first)):
            continue
        if isinstance(one, Orders):
            assert isinstance(other, Orders)
            there = [new_number[region] if region != STAY else STAY for region in one.run_in.tolist()]
            assert there == other.run_in.tolist(), name
        else:
            assert [one[old] for old in shuffled] == other.tolist(), name


def decided(name: str, outlook: Outlook) -> Any:
    policy = make(name)
    policy.reset(outlook, np.random.default_rng(0))
    decision = policy.act(outlook)
    if name not in JOB_RULES:
        assert set(decision.tolist()) <= set(Mode)
        return decision
    assert decision.run_in.shape == outlook.jobs.number.shape and decision.run_in.dtype.kind == "i"
    assert set(decision.run_in.tolist()) <= {STAY, *range(outlook.n_regions)}
    if decision.limit_gpus is not None:
        assert (decision.limit_gpus >= 0.0).all()
    return decision


def _is_tied(outlook: Outlook) -> bool:
    """Whether two regions have equal room, between which only their order can decide."""
    return len(set(outlook.locked_gpus.tolist())) < outlook.n_regions
