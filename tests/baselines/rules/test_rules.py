from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.baselines import make, names
from wattward.configs import ConfigError
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import IN_TRANSIT, RUNNING
from wattward.envs.policy.outlook import Outlook

HOLD, SOAK, RUN, PULL = Mode.HOLD, Mode.SOAK, Mode.RUN, Mode.PULL
TUNING, TRAINING = 1, 2
ORDER_MATTERS = {"Random", "RoundRobin", "MPC-24", "MPC-48", "GreedyReservation"}
"""Chance and turns go by number; of plans and bookings that cost the same the first found is taken."""
OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]


def modes(name: str, outlook: Outlook) -> list[int]:
    policy = make(name)
    policy.reset(outlook, np.random.default_rng(0))
    chosen = policy.act(outlook)
    assert chosen.dtype == np.int64
    return chosen.tolist()


# names


def test_every_name_makes_a_policy_of_that_name() -> None:
    assert len(names()) == len(set(names())) >= 16
    assert [make(name).name for name in names()] == names()
    for name in ("Threshold-0.25", "Threshold-soak-0.4", "Threshold-pull-0", "WaitAwhile-carbon"):
        assert make(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PeakOfset", r"unknown policy 'PeakOfset'; did you mean PeakOffset, .*\(known: RunOnArrival, "),
        ("zzz", r"unknown policy 'zzz' \(known: "),
        ("", r"unknown policy '' \(known: "),
        ("Threshold-high", r"policy 'Threshold-high': 'high': must be a number from 0 to 1"),
        ("Threshold-1.5", r"policy Threshold-1.5: q = 1.5: must be a number from 0 to 1"),
        ("Threshold-soak-nan", r"q = nan: must be a number from 0 to 1"),
    ],
)
def test_a_wrong_name_is_one_clear_error(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(name)


# rules that look at nothing, or at the clock


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
def test_peak_offset_follows_the_clock_and_not_the_price(
    outlook_of: OutlookOf, hours: list[int], with_return: list[Mode], without: list[Mode]
) -> None:
    for hour in hours:
        for price in ((0.1, 9.0), (9.0, 0.1)):
            outlook = outlook_of(price=price, hour=hour)
            assert modes("PeakOffset", outlook) == with_return
            assert modes("PeakOffset-NoReturn", outlook) == without


def test_peak_offset_tells_coast_from_west_by_longitude(outlook_of: OutlookOf) -> None:
    four = outlook_of(price=(1.0, 1.0, 1.0, 1.0), hour=8, longitude_deg=(106.0, 121.0, 114.9, 105.0))
    assert modes("PeakOffset", four) == [PULL, HOLD, HOLD, PULL]
    for hour in (3, 8, 9):
        assert modes("PeakOffset", outlook_of(price=(1.0,), hour=hour, longitude_deg=(120.0,))) == [RUN]


def test_solar_soak_soaks(outlook_of: OutlookOf) -> None:
    assert modes("SolarSoak", outlook_of()) == [SOAK, SOAK]


# rules that read prices


def test_threshold_runs_in_the_cheapest_share_of_the_day(outlook_of: OutlookOf) -> None:
    price = np.stack([np.arange(24.0), np.arange(24.0)[::-1]], axis=1)
    price = np.concatenate([price, price, price])
    chosen = [modes("Threshold-0.25", outlook_of(price=price, step=step)) for step in range(24)]
    assert [own[0] for own in chosen] == [RUN] * 6 + [HOLD] * 18
    assert [own[1] for own in chosen] == [HOLD] * 18 + [RUN] * 6
    assert modes("Threshold-soak-0.25", outlook_of(price=price)) == [RUN, SOAK]


def test_threshold_pulls_only_where_price_is_low_and_lowest(outlook_of: OutlookOf) -> None:
    high_later = np.array([[0.4, 0.3], [1.0, 1.0]])
    assert modes("Threshold-pull-0.3", outlook_of(price=high_later)) == [RUN, PULL]
    west_waits = np.array([[0.4, 0.3], [1.0, 0.1]])
    assert modes("Threshold-pull-0.3", outlook_of(price=west_waits)) == [RUN, SOAK]


def test_wait_awhile_waits_for_the_cheapest_steps(outlook_of: OutlookOf, job_of: JobOf) -> None:
    price = np.array([[0.5, 0.5], [0.6, 0.6], [0.2, 0.6], [0.3, 0.6], [0.9, 0.9]])
    two_hours = [job_of(0, hours=2.0, due_h=10.0), job_of(1, hours=2.0, due_h=10.0)]
    assert modes("WaitAwhile", outlook_of(two_hours, price)) == [SOAK, RUN]
    three_hours = [job_of(0, hours=3.0, due_h=10.0)]
    assert modes("WaitAwhile", outlook_of(three_hours, price)) == [RUN, SOAK]
    assert modes("WaitAwhile", outlook_of([job_of(0, hours=2.0, due_h=3.0)], price)) == [RUN, SOAK]


def test_the_weight_of_the_work_decides(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """The first job has no time to wait for the cheap hour, the second has."""
    price = np.array([[0.5], [0.1], [0.9]])
    for name, share in {"WaitAwhile": 0.2, "LowestWindow": 0.5, "CarbonTime": 0.5}.items():
        for least, expected in ((share, RUN), (share - 0.01, SOAK)):
            now, later = job_of(0, gpus=100 * least, due_h=1.0), job_of(0, gpus=100 * (1 - least), due_h=20.0)
            assert modes(name, outlook_of([now, later], price, longitude_deg=(120.0,))) == [expected]


def test_wait_awhile_does_not_interrupt_what_cannot_stop(outlook_of: OutlookOf, job_of: JobOf) -> None:
    price = np.array([[0.30], [0.40], [0.10], [0.90], [0.9]])
    two_hours = {"hours": 2.0, "due_h": 4.0}
    west = {"longitude_deg": (120.0,), "price": price}
    assert modes("WaitAwhile", outlook_of([job_of(0, **two_hours)], **west)) == [RUN]
    assert modes("WaitAwhile", outlook_of([job_of(0, job_class=TUNING, **two_hours)], **west)) == [SOAK]


def test_lowest_window_starts_at_the_lowest_mean_and_goes_on(outlook_of: OutlookOf, job_of: JobOf) -> None:
    price = np.array([[0.3, 0.3], [0.4, 0.4], [0.1, 0.9], [0.2, 0.9], [0.9, 0.9]])
    waiting = [job_of(0, hours=2.0), job_of(1, hours=2.0)]
    assert modes("LowestWindow", outlook_of(waiting, price)) == [SOAK, RUN]
    running = [job_of(0, hours=2.0, job_class=TRAINING, status=RUNNING)]
    assert modes("LowestWindow", outlook_of(running, price)) == [RUN, SOAK]


def test_carbon_time_weighs_saving_against_time(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """Waiting 19 h for 10 % less is the lowest window, but an hour of waiting for 5 % less saves more per hour."""
    price = np.full((30, 1), 1.00)
    price[1], price[19] = 0.95, 0.90
    assert started("CarbonTime", outlook_of, job_of, price) == [1]
    assert started("LowestWindow", outlook_of, job_of, price) == [19]
    assert started("CarbonTime", outlook_of, job_of, np.ones((30, 1))) == [0]


def started(name: str, outlook_of: OutlookOf, job_of: JobOf, price: Any) -> list[int]:
    """The first step at which a job of one hour and 24 h of time runs; the policy plans but once."""
    policy = make(name)
    for _ in range(2):
        for step in range(24):
            outlook = outlook_of([job_of(0, due_h=24.0 - step)], price, step=step, longitude_deg=(120.0,))
            if step == 0:
                policy.reset(outlook, np.random.default_rng(0))
            if policy.act(outlook).tolist() == [RUN]:
                break
    return [step]


def test_slot_pickers_count_surplus_as_free(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """Sun that covers requests (20 kW) and work (10 kW) five hours from now beats the flat tariff."""
    sun = np.zeros((6, 1))
    sun[5] = 30.0
    for name in ("WaitAwhile", "LowestWindow", "CarbonTime", "WaitAwhile-carbon"):
        outlook = outlook_of([job_of(0, due_h=8.0)], (0.5,), sun_kw=np.r_[sun, [[0.0]]], longitude_deg=(120.0,))
        assert modes(name, outlook) == [SOAK]
        dark = outlook_of([job_of(0, due_h=8.0)], (0.5,), longitude_deg=(120.0,))
        assert modes(name, dark) == [RUN]


def test_carbon_variants_follow_carbon_and_not_the_price(outlook_of: OutlookOf, job_of: JobOf) -> None:
    price, carbon = np.array([[0.9], [0.1]]), np.array([[0.1], [0.9]])
    outlook = outlook_of([job_of(0)], price, carbon=carbon, longitude_deg=(120.0,))
    assert modes("WaitAwhile", outlook) == modes("LowestWindow", outlook) == [SOAK]
    assert modes("WaitAwhile-carbon", outlook) == modes("LowestWindow-carbon", outlook) == [RUN]


# rules that choose a place


def test_cheapest_and_greenest_fill_the_best_region_to_its_limit(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """80 % of 100 GPUs, 20 of them interactive, leave room for 60."""
    fits = [job_of(0, gpus=50.0)]
    assert modes("CheapestNow", outlook_of(fits, (0.6, 0.4))) == [HOLD, PULL]
    assert modes("CheapestNow", outlook_of(fits, (0.4, 0.6))) == [RUN, RUN]
    assert modes("CheapestNow", outlook_of([job_of(0, gpus=61.0)], (0.6, 0.4))) == [RUN, RUN]
    assert modes("GreenestNow", outlook_of(fits, (0.4, 0.6), carbon=(0.6, 0.4))) == [HOLD, PULL]
    full = [*fits, job_of(1, gpus=50.0, job_class=TUNING, status=RUNNING)]
    assert modes("CheapestNow", outlook_of(full, (0.6, 0.4))) == [RUN, RUN]


def test_a_region_keeps_its_work_where_most_of_it_would_stay(outlook_of: OutlookOf, job_of: JobOf) -> None:
    rigid_runs = job_of(0, gpus=40.0, hours=10.0, job_class=TRAINING, status=RUNNING)
    assert modes("CheapestNow", outlook_of([rigid_runs, job_of(0)], (0.6, 0.4))) == [RUN, PULL]


def test_load_balancers_send_new_work_where_there_is_room(outlook_of: OutlookOf, job_of: JobOf) -> None:
    busy = job_of(0, gpus=60.0, hours=1.0, status=RUNNING)
    arrived = job_of(0, gpus=30.0, hours=9.0)
    assert modes("MostAvailable", outlook_of([busy, arrived])) == [HOLD, PULL]
    assert modes("MostAvailable", outlook_of([busy])) == [RUN, RUN]
    assert modes("LeastPending", outlook_of([arrived, job_of(1), job_of(1)])) == [PULL, HOLD]
    assert modes("LeastPending", outlook_of([arrived])) == [HOLD, PULL]
    too_large = job_of(0, gpus=90.0)
    for name in ("MostAvailable", "LeastPending", "RoundRobin"):
        assert modes(name, outlook_of([too_large])) == [RUN, RUN]


def test_round_robin_takes_turns_by_number(outlook_of: OutlookOf, job_of: JobOf) -> None:
    assert modes("RoundRobin", outlook_of([job_of(0)])) == [RUN, RUN]
    assert modes("RoundRobin", outlook_of([job_of(0), job_of(0)])) == [HOLD, PULL]
    assert modes("RoundRobin", outlook_of([job_of(0), job_of(0, status=RUNNING)])) == [RUN, RUN]
    assert modes("RoundRobin", outlook_of([job_of(1), job_of(0)])) == [PULL, PULL]


# the end of an episode, and all rules at once


def test_nobody_waits_when_the_end_needs_every_hour(outlook_of: OutlookOf, job_of: JobOf) -> None:
    rising = np.array([[0.9, 0.9], [0.1, 0.1]])
    long_job = [job_of(0, gpus=10.0, hours=4.0, due_h=40.0)]
    last_hours = {"n_steps": 1004, "step": 1000, "hour": 6}
    for name in ("SolarSoak", "Threshold-0.3", "WaitAwhile", "PeakOffset"):
        assert modes(name, outlook_of(long_job, rising, **last_hours))[0] in (RUN, PULL)
    backlog = [job_of(1, gpus=10.0, due_h=40.0, hours=2.0) for _ in range(20)]
    assert modes("SolarSoak", outlook_of(backlog, rising, **last_hours)) == [SOAK, RUN]


def test_a_queue_is_due_before_its_jobs_are(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """80 GPUs are free: 560 GPU-h fit into 10 h at 70 %, whoever brings them; later deadlines leave room."""
    rising = np.array([[0.9, 0.9], [0.1, 0.1]])
    for name in ("SolarSoak", "Threshold-soak-0.3", "WaitAwhile"):
        fits = [job_of(0, gpus=20.0, hours=5.0, due_h=10.0) for _ in range(5)]
        assert modes(name, outlook_of(fits, rising)) == [SOAK, SOAK]
        assert modes(name, outlook_of([*fits, fits[0]], rising)) == [RUN, SOAK]
        assert modes(name, outlook_of([*fits, job_of(0, gpus=20.0, hours=5.0, due_h=30.0)], rising)) == [SOAK, SOAK]
        assert modes(name, outlook_of([*fits, job_of(1, gpus=20.0, hours=5.0, due_h=10.0)], rising)) == [SOAK, SOAK]


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
    for name in names():
        one, other = modes(name, first), modes(name, second)
        assert set(one) | set(other) <= set(Mode)
        if name not in ORDER_MATTERS and not (name in {"LeastPending", "MostAvailable"} and _tied(name, first)):
            assert [one[old] for old in shuffled] == other, name


def _tied(name: str, outlook: Outlook) -> bool:
    """Whether the rule has to choose between equal regions, which only their order can do."""
    jobs = outlook.jobs
    counted = ~(jobs.in_transit | jobs.running)
    pending = np.bincount(jobs.region[counted], minlength=outlook.n_regions)
    score = pending if name == "LeastPending" else outlook.utilisation
    return len(set(score.tolist())) < outlook.n_regions
