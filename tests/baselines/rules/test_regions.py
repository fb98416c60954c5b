"""Rules that decide where a job runs, in worlds small enough to check by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wattward.envs.model.types import IN_TRANSIT, RUNNING
from wattward.envs.policy.orders import STAY
from wattward.envs.policy.outlook import Outlook

TUNING, TRAINING = 1, 2
COAST, WEST = 0, 1
OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]
RunIn = Callable[[str, Outlook], list[int]]


# the clock


@pytest.mark.parametrize(
    ("hours", "shipped", "no_return", "coast_holds"),
    [
        ([8, 9], [WEST, WEST], [WEST, WEST], [WEST, WEST]),
        ([10, 13, 17, 18], [COAST, WEST], [COAST, WEST], [WEST, WEST]),
        ([14, 16, 19, 21], [COAST, WEST], [COAST, WEST], [COAST, WEST]),
        ([22, 23], [COAST, COAST], [COAST, WEST], [COAST, WEST]),
        ([0, 3, 7], [COAST, COAST], [COAST, WEST], [COAST, COAST]),
    ],
)
def test_peak_offset_follows_the_clock_and_not_the_price(
    outlook_of: OutlookOf,
    job_of: JobOf,
    run_in: RunIn,
    hours: list[int],
    shipped: list[int],
    no_return: list[int],
    coast_holds: list[int],
) -> None:
    for hour in hours:
        for price in ((0.1, 9.0), (9.0, 0.1)):
            outlook = outlook_of([job_of(COAST), job_of(WEST)], price, hour=hour)
            assert run_in("PeakOffset", outlook) == shipped
            assert run_in("PeakOffset-NoReturn", outlook) == no_return
            assert run_in("PeakOffset-CoastHolds", outlook) == coast_holds


def test_the_west_takes_what_the_coast_has_no_room_for(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    """80 GPUs are free on the coast: of two rigid jobs of 50, one goes west at 10, both at 8, and none at 15."""
    jobs = [job_of(COAST, gpus=50.0, due_h=10.0 + k, job_class=TUNING) for k in range(2)]
    at = {hour: run_in("PeakOffset", outlook_of(jobs, hour=hour)) for hour in (8, 10, 15)}
    assert at == {8: [WEST, STAY], 10: [COAST, WEST], 15: [COAST, STAY]}
    full_west = [*jobs, job_of(WEST, gpus=70.0, job_class=TUNING, status=RUNNING)]
    assert run_in("PeakOffset", outlook_of(full_west, hour=8))[:2] == [STAY, STAY]


def test_running_rigid_jobs_stay_where_they_are(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    runs = job_of(COAST, job_class=TRAINING, status=RUNNING)
    for rule in ("PeakOffset", "PeakOffset-CoastHolds", "CheapestNow", "GreenestNow"):
        assert run_in(rule, outlook_of([runs], (9.0, 0.1), carbon=np.array([[0.9, 0.1]]), hour=8)) == [COAST]


def test_coast_and_west_are_told_apart_by_longitude(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    four = {"longitude_deg": (106.0, 121.0, 114.9, 105.0), "price": (1.0, 1.0, 1.0, 1.0)}
    jobs = [job_of(region) for region in range(4)]
    assert run_in("PeakOffset", outlook_of(jobs, hour=8, **four)) == [0, 0, 0, 3]
    for hour in (3, 8, 9):
        assert run_in("PeakOffset", outlook_of([job_of(0)], (1.0,), hour=hour, longitude_deg=(120.0,))) == [0]


# price and carbon of the moment


def test_cheapest_and_greenest_fill_the_best_region_to_its_limit(
    outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn
) -> None:
    """80 % of 100 GPUs, 20 of them interactive, leave room for 60."""
    fits = [job_of(0, gpus=50.0)]
    assert run_in("CheapestNow", outlook_of(fits, (0.6, 0.4))) == [1]
    assert run_in("CheapestNow", outlook_of(fits, (0.4, 0.6))) == [0]
    assert run_in("CheapestNow", outlook_of([job_of(0, gpus=61.0)], (0.6, 0.4))) == [0]
    assert run_in("GreenestNow", outlook_of(fits, (0.4, 0.6), carbon=(0.6, 0.4))) == [1]
    full = [*fits, job_of(1, gpus=50.0, job_class=TUNING, status=RUNNING)]
    assert run_in("CheapestNow", outlook_of(full, (0.6, 0.4)))[0] == 0
    two = [job_of(0, gpus=40.0, due_h=5.0), job_of(0, gpus=40.0, due_h=6.0)]
    assert run_in("CheapestNow", outlook_of(two, (0.6, 0.4))) == [1, 0]


# load balancers


def test_round_robin_takes_turns_by_number(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    assert run_in("RoundRobin", outlook_of([job_of(0), job_of(0), job_of(1), job_of(1)])) == [0, 1, 0, 1]


def test_most_available_counts_the_gpus_that_it_gave(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    """80 and 20 GPUs are idle; after 50 in the first, 30 and 20 are; after 20 more, 10 and 20."""
    busy = job_of(1, gpus=60.0, hours=1.0, due_h=1.0, job_class=TUNING, status=RUNNING)
    jobs = [job_of(1, gpus=gpus, due_h=5.0 + k) for k, gpus in enumerate((50.0, 20.0, 5.0))]
    assert run_in("MostAvailable", outlook_of([busy, *jobs]))[1:] == [0, 0, 1]


def test_least_pending_joins_the_shortest_queue(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """Two jobs wait in the second region; of three new jobs there, two go to the empty queue and one stays."""
    from wattward.baselines import make

    policy, known = make("LeastPending"), [job_of(1, due_h=5.0), job_of(1, due_h=6.0)]
    before = outlook_of(known)
    policy.reset(before, np.random.default_rng(0))
    assert sorted(policy.act(before).run_in.tolist()) == [0, 1]
    new = [job_of(1, due_h=7.0 + k) for k in range(3)]
    now = outlook_of([*known, *new], step=1)
    assert policy.act(now).run_in.tolist()[2:] == [0, 0, 1]


def test_nothing_is_asked_of_jobs_in_transit(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    """Their orders are ignored, but they must not take room from others."""
    jobs = [job_of(0, gpus=80.0, due_h=3.0, status=IN_TRANSIT), job_of(0, gpus=80.0, due_h=4.0, job_class=TUNING)]
    assert run_in("PeakOffset", outlook_of(jobs, hour=15))[1] == 0
