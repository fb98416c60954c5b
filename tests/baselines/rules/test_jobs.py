"""Rules that decide when a job runs, on examples that follow from their published definitions by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wattward.baselines import make
from wattward.baselines.rules.jobs.capacity_curve import limits
from wattward.baselines.rules.jobs.gaia import mean_lengths_h
from wattward.configs import load_scenario
from wattward.envs.model.types import RUNNING
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

TUNING, TRAINING = 1, 2
ONE = {"longitude_deg": (120.0,)}
OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]
StepsOf = Callable[..., list[list[int]]]
RunIn = Callable[[str, Outlook], list[int]]
OrdersOf = Callable[[str, Outlook], Orders]


def column(*prices: float) -> np.ndarray:
    return np.array(prices)[:, None]


# Let's Wait Awhile


def test_wait_awhile_takes_the_cheapest_steps_and_the_cheapest_window(steps_of: StepsOf, job_of: JobOf) -> None:
    """Of .3 .5 .1 .6 .2 the two cheapest are steps 2 and 4; the means of pairs are .4 .3 .35 .4."""
    price = column(0.3, 0.5, 0.1, 0.6, 0.2, 0.9)
    two_hours = [job_of(0, hours=2.0, due_h=5.0)]
    assert steps_of("WaitAwhile", two_hours, price, 6, **ONE) == [[2, 4]]
    assert steps_of("WaitAwhile-uninterrupted", two_hours, price, 6, **ONE) == [[1, 2]]
    cannot_pause = [job_of(0, hours=2.0, due_h=5.0, job_class=TUNING)]
    assert steps_of("WaitAwhile", cannot_pause, price, 6, **ONE) == [[1, 2]]
    assert steps_of("WaitAwhile", [job_of(0, hours=2.0, due_h=2.0)], price, 6, **ONE) == [[0, 1]]


def test_wait_awhile_takes_the_earlier_of_equal_steps(steps_of: StepsOf, job_of: JobOf) -> None:
    assert steps_of("WaitAwhile", [job_of(0, hours=2.0)], column(0.5, 0.2, 0.2, 0.2, 0.5), 6, **ONE) == [[1, 2]]


def test_a_plan_is_made_once(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """At its arrival, step 2 is the cheapest; a cheaper step that appears later changes nothing."""
    policy, job = make("WaitAwhile"), [job_of(0)]
    first = outlook_of(job, column(0.5, 0.5, 0.3, 0.9), **ONE)
    policy.reset(first, np.random.default_rng(0))
    assert policy.act(first).run_in.tolist() == [STAY]
    changed = outlook_of(job, column(0.5, 0.5, 0.3, 0.1), step=2, **ONE)
    assert policy.act(changed).run_in.tolist() == [0]


def test_work_left_after_its_plan_runs_at_once(outlook_of: OutlookOf, job_of: JobOf) -> None:
    policy, price = make("WaitAwhile"), column(0.5, 0.1, 0.9)
    first = outlook_of([job_of(0)], price, **ONE)
    policy.reset(first, np.random.default_rng(0))
    told = [policy.act(outlook_of([job_of(0)], price, step=step, **ONE)).run_in.tolist() for step in range(4)]
    assert told == [[STAY], [0], [0], [0]]


def test_carbon_variants_follow_carbon_and_not_the_price(
    steps_of: StepsOf, job_of: JobOf, outlook_of: OutlookOf, run_in: RunIn
) -> None:
    outlook = outlook_of([job_of(0)], column(0.9, 0.1), carbon=column(0.1, 0.9), **ONE)
    for rule in ("WaitAwhile", "LowestSlot", "LowestWindow", "CarbonTime"):
        assert (run_in(rule, outlook), run_in(f"{rule}-carbon", outlook)) == ([STAY], [0])


def test_slot_pickers_count_surplus_as_free(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    """Sun that covers requests (20 kW) and work (10 kW) five hours from now beats the flat tariff."""
    sun = np.zeros((7, 1))
    sun[5] = 30.0
    for rule in ("WaitAwhile", "LowestSlot", "LowestWindow", "CarbonTime", "GreedyReservation"):
        sunny = outlook_of([job_of(0, due_h=8.0)], (0.5,), sun_kw=sun, **ONE)
        assert run_in(rule, sunny) == [STAY]
        assert run_in(rule, outlook_of([job_of(0, due_h=8.0)], (0.5,), **ONE)) == [0]


# GAIA


def test_gaia_knows_the_mean_length_of_short_and_of_long_jobs() -> None:
    """Toy jobs all take 1 h, so both queues get that or their limit; the pair's long jobs take several times longer."""
    assert mean_lengths_h(load_scenario("toy")).tolist() == [1.0, 2.0]
    short, long = mean_lengths_h(load_scenario("zhejiang-xinjiang"))
    assert 0.25 < short < 2.0 < long < 24.0
    drawn = np.random.default_rng(0)
    lengths: list[float] = []
    for law in load_scenario("zhejiang-xinjiang").job_classes:
        sample = law.run_h.median * np.exp(law.run_h.sigma * drawn.standard_normal(1000 * round(sum(law.jobs_per_day))))
        lengths += np.clip(sample, law.run_h.low, law.run_h.high).tolist()
    sampled = np.array(lengths)
    assert (short, long) == pytest.approx((sampled[sampled <= 2].mean(), sampled[sampled > 2].mean()), rel=0.02)


def test_lowest_slot_looks_at_one_step_and_lowest_window_at_all(steps_of: StepsOf, job_of: JobOf) -> None:
    """A long job, for which both assume 2 h: step 3 is the cheapest, the pair 0 and 1 is the cheapest pair."""
    price = column(0.3, 0.3, 0.9, 0.2, 0.9, 0.9, 0.9, 0.9)
    three_hours = [job_of(0, hours=3.0, due_h=7.0)]
    assert steps_of("LowestSlot", three_hours, price, 8, **ONE) == [[3, 4, 5]]
    assert steps_of("LowestWindow", three_hours, price, 8, **ONE) == [[0, 1, 2]]


def test_gaia_lets_no_job_start_too_late(steps_of: StepsOf, job_of: JobOf) -> None:
    price = column(0.9, 0.8, 0.7, 0.1, 0.1)
    for rule in ("LowestSlot", "LowestWindow", "CarbonTime"):
        assert steps_of(rule, [job_of(0, hours=3.0, due_h=5.0)], price, 5, **ONE) == [[2, 3, 4]]


def test_carbon_time_weighs_saving_against_completion_time(steps_of: StepsOf, job_of: JobOf) -> None:
    """1 h, saving per hour until it is complete: .05 / 2 with start 1, .10 / 20 with start 19."""
    price = np.full((30, 1), 1.00)
    price[1], price[19] = 0.95, 0.90
    assert steps_of("CarbonTime", [job_of(0, due_h=24.0)], price, 25, **ONE) == [[1]]
    assert steps_of("LowestWindow", [job_of(0, due_h=24.0)], price, 25, **ONE) == [[19]]
    assert steps_of("CarbonTime", [job_of(0, due_h=24.0)], np.ones((30, 1)), 25, **ONE) == [[0]]


# reservations


def test_reservations_take_the_next_best_hour_when_the_best_is_full(steps_of: StepsOf, job_of: JobOf) -> None:
    """Of 80 free GPUs, 40 are booked in the cheapest hour; 50 more fit only into the next best, which is now."""
    price = column(0.2, 0.1, 0.9)
    first, second = job_of(0, gpus=40.0, due_h=3.0), job_of(0, gpus=50.0, due_h=3.0)
    assert steps_of("GreedyReservation", [first, second], price, 3, **ONE) == [[1], [0]]


def test_bookings_are_kept(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """A job that arrives later and is due earlier does not get the hour that is booked."""
    policy, price = make("GreedyReservation"), column(0.5, 0.5, 0.1, 0.2, 0.9)
    first, later = job_of(0, gpus=60.0, due_h=6.0), job_of(0, gpus=60.0, due_h=4.0)
    at_first = outlook_of([first], price, **ONE)
    policy.reset(at_first, np.random.default_rng(0))
    assert policy.act(at_first).run_in.tolist() == [STAY]
    told = {step: policy.act(outlook_of([first, later], price, step=step, **ONE)).run_in.tolist() for step in (1, 2, 3)}
    assert told == {1: [STAY, STAY], 2: [STAY, 0], 3: [0, STAY]}  # by deadline: the later job is the first row


def test_reservations_pay_for_the_move(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    """Moving costs 1; 10 GPU-h save 0.5 at a gap of 0.05, and 4 at 0.4."""
    work = [job_of(0, gpus=10.0, due_h=1.0)]
    assert run_in("GreedyReservation", outlook_of(work, (0.8, 0.4))) == [1]
    assert run_in("GreedyReservation", outlook_of(work, (0.45, 0.4))) == [0]


def test_a_job_with_much_data_sets_off_before_its_booking(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """2,000 GB take two steps; the west is cheap in step 4 only, so the job leaves in step 2."""
    price = np.array([[2000.0, 2000.0]] * 4 + [[2000.0, 0.1], [2000.0, 2000.0]])
    policy, job = make("GreedyReservation"), [job_of(0, due_h=6.0, data_gb=2000.0)]
    told = []
    for step in range(3):
        outlook = outlook_of(job, price, step=step)
        if step == 0:
            policy.reset(outlook, np.random.default_rng(0))
        told.append(policy.act(outlook).run_in.tolist())
    assert told == [[STAY], [STAY], [1]]


def test_a_job_without_room_runs_at_once_and_goes_on(steps_of: StepsOf, job_of: JobOf) -> None:
    price = column(0.9, 0.1, 0.9, 0.1)
    assert steps_of("GreedyReservation", [job_of(0, gpus=90.0, hours=2.0)], price, 4, **ONE) == [[0, 1]]


# capacity curves


def test_limits_open_the_cheapest_hours_at_the_best_peak(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """100 GPU-h at .5 .3 .1 .2 .9 a GPU-h, and 1 for each kW of peak above 20 kW of requests.

    With 25 GPUs in four hours: 27.5 + 25. With five hours 40 + 20, with three 19.5 + 35: more.
    """
    work = [job_of(0, gpus=50.0, hours=2.0, due_h=20.0)]
    price = column(0.5, 0.3, 0.1, 0.2, 0.9)
    limit = limits(outlook_of(work, price, **ONE), 5)
    assert limit[:, 0].tolist() == [25.0, 25.0, 25.0, 25.0, 0.0]


def test_jobs_run_within_the_limits(outlook_of: OutlookOf, job_of: JobOf, orders_of: OrdersOf) -> None:
    """The limit is 25 GPUs in four hours: the rigid job of 20 goes first, the malleable one gets the other 5."""
    price = column(0.1, 0.1, 0.1, 0.1, 0.9, 0.9)
    rigid = job_of(0, gpus=20.0, hours=3.0, due_h=20.0, job_class=TRAINING, status=RUNNING)
    jobs = [job_of(0, gpus=40.0, hours=1.0, due_h=10.0), rigid]
    orders = orders_of("CapacityCurve", outlook_of(jobs, price, n_steps=24, **ONE))
    assert orders.run_in.tolist() == [0, 0] and orders.limit_gpus is not None
    assert orders.limit_gpus[1] == 20.0 and 1.0 <= orders.limit_gpus[0] < 40.0


# surplus and thresholds


def test_solar_soak_runs_what_surplus_covers(outlook_of: OutlookOf, job_of: JobOf, orders_of: OrdersOf) -> None:
    """Sun of 45 kW leaves 25 kW beyond requests: a rigid job of 20 GPUs, then 5 of a malleable job's 30."""
    jobs = [job_of(0, gpus=20.0, due_h=10.0, job_class=TRAINING), job_of(0, gpus=30.0, due_h=12.0)]
    orders = orders_of("SolarSoak", outlook_of(jobs, (0.5,), sun_kw=45.0, **ONE))
    assert orders.run_in.tolist() == [0, 0] and orders.limit_gpus is not None
    assert orders.limit_gpus.tolist() == [20.0, 5.0]
    assert orders_of("SolarSoak", outlook_of(jobs, (0.5,), **ONE)).run_in.tolist() == [STAY, STAY]


def test_solar_soak_sends_work_to_surplus_elsewhere(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    sun = np.array([[0.0, 50.0]])
    assert run_in("SolarSoak", outlook_of([job_of(0), job_of(1)], sun_kw=sun)) == [1, 1]


def test_threshold_runs_in_the_cheapest_share_of_the_day(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    price = np.stack([np.arange(24.0), np.arange(24.0)[::-1]], axis=1)
    price = np.concatenate([price, price, price])
    jobs = [job_of(0, due_h=40.0), job_of(1, due_h=40.0)]
    chosen = [run_in("Threshold-0.25", outlook_of(jobs, price, step=step)) for step in range(24)]
    assert [own[0] for own in chosen] == [0] * 6 + [STAY] * 18
    assert [own[1] for own in chosen] == [STAY] * 18 + [1] * 6


def test_threshold_soaks_up_what_surplus_is_left(outlook_of: OutlookOf, job_of: JobOf, orders_of: OrdersOf) -> None:
    falling = column(0.9, 0.1)
    outlook = outlook_of([job_of(0, gpus=30.0)], falling, sun_kw=45.0, **ONE)
    assert orders_of("Threshold-0.3", outlook).run_in.tolist() == [STAY]
    soaked = orders_of("Threshold-soak-0.3", outlook)
    assert soaked.run_in.tolist() == [0] and soaked.limit_gpus is not None and soaked.limit_gpus.tolist() == [25.0]


def test_threshold_pulls_only_where_price_is_low(outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn) -> None:
    jobs = [job_of(0), job_of(1)]
    west_is_low = np.array([[0.9, 0.3], [0.1, 1.0]])
    assert run_in("Threshold-pull-0.3", outlook_of(jobs, west_is_low)) == [1, 1]
    assert run_in("Threshold-soak-0.3", outlook_of(jobs, west_is_low)) == [STAY, 1]
    both_low = np.array([[0.4, 0.3], [1.0, 1.0]])
    assert run_in("Threshold-pull-0.3", outlook_of(jobs, both_low)) == [0, 1]
    only_east_low = np.array([[0.4, 0.3], [1.0, 0.1]])
    assert run_in("Threshold-pull-0.3", outlook_of(jobs, only_east_low)) == [0, 0]


@pytest.mark.parametrize("name", ["SolarSoak", "Threshold-0.3", "PeakOffset", "CapacityCurve", "PauseResume", "LACS"])
def test_nobody_waits_when_the_end_needs_every_hour(
    outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn, name: str
) -> None:
    rising = np.array([[0.9, 0.9], [0.1, 0.1]])
    long_job = [job_of(0, gpus=10.0, hours=4.0, due_h=40.0)]
    assert run_in(name, outlook_of(long_job, rising, n_steps=1004, step=1000, hour=6)) == [0]
