from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.configs import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.world.processes.calendar import place_in_period, week_factors
from wattward.envs.world.processes.jobs import (
    Jobs,
    draw_jobs,
    gpu_limit,
    gpus_of,
    job_law,
    mean_work_gpu_h,
)

MONDAY = 4 * 1440


def many_weeks(scenario: Scenario, weeks: int) -> list[Jobs]:
    return [draw_jobs(scenario, MONDAY, np.random.SeedSequence(week)) for week in range(weeks)]


def test_a_week_has_600_to_900_jobs_of_three_classes() -> None:
    counts = [len(jobs.gpus) for jobs in many_weeks(load_scenario("zhejiang-xinjiang"), 20)]
    assert min(counts) > 600 and max(counts) < 1000 and 700 < np.mean(counts) < 900
    jobs = draw_jobs(load_scenario("zhejiang-xinjiang"), MONDAY, np.random.SeedSequence(0))
    assert set(jobs.job_class.tolist()) == {0, 1, 2} and set(jobs.origin.tolist()) == {0, 1}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), day=st.integers(20_000, 21_000), name=st.sampled_from(["zhejiang-xinjiang", "toy"]))
def test_jobs_are_ordered_possible_and_within_limits(seed: int, day: int, name: str) -> None:
    scenario = load_scenario(name)
    jobs = draw_jobs(scenario, day * 1440, np.random.SeedSequence(seed))
    assert (np.diff(jobs.arrival_step) >= 0).all()
    assert ((jobs.arrival_step >= 0) & (jobs.arrival_step < scenario.n_steps)).all()
    run_steps = jobs.work_gpu_h / jobs.gpus / scenario.step_h
    assert (jobs.arrival_step + run_steps <= scenario.n_steps + 1e-9).all(), "could be finished within the episode"
    assert (jobs.deadline_step >= jobs.arrival_step + run_steps - 1e-9).all(), "could meet its deadline"
    assert (jobs.estimate_gpu_h > 0).all() and (jobs.data_gb > 0).all() and (jobs.work_gpu_h > 0).all()
    for c, job_class in enumerate(scenario.job_classes):
        gpus = jobs.gpus[jobs.job_class == c]
        assert ((gpus >= 1) & (gpus <= job_class.gpus.high)).all()
        if not job_class.malleable:
            np.testing.assert_array_equal(gpus, 2.0 ** np.round(np.log2(gpus)))


def test_gangs_fit_into_every_region_beside_what_is_reserved() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    tuning, training = 1, 2
    least = min(region.fleet.gpus - region.fleet.reserved_for_interactive_gpus for region in scenario.regions)
    assert gpu_limit(scenario, tuning, 0) == least
    assert gpu_limit(scenario, training, 0) == 310.0
    huge = np.full(3, 9.0)
    assert gpus_of(scenario.job_classes[tuning], huge, 20.0).max() == 16.0


def test_arrivals_add_up_to_the_stated_rate_and_follow_the_working_day() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    law = job_law(scenario)
    for c, job_class in enumerate(scenario.job_classes):
        for r, region in enumerate(scenario.regions):
            (pair,) = np.flatnonzero((law.job_class == c) & (law.origin == r))
            local_monday = MONDAY - round(region.clock_offset_h * 60)
            rate = law.rate_by_step_of_week[pair, place_in_period(local_monday, 672, 15, 7 * 1440)]
            assert rate.sum() == pytest.approx(7 * job_class.jobs_per_day[r])
            by_hour = rate[:96].reshape(24, 4).sum(axis=1)
            assert 8 <= by_hour.argmax() <= 10
            weekend = rate[5 * 96 :].sum() / 2 / (rate[: 5 * 96].sum() / 5)
            assert weekend == pytest.approx(job_class.weekend_factor)
    assert week_factors(0.7).mean() == pytest.approx(1.0)


def test_xinjiang_works_two_hours_behind_beijing() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    morning = np.zeros((2, 24))
    for jobs in many_weeks(scenario, 30):
        hour = (jobs.arrival_step // 4) % 24
        for r in range(2):
            morning[r] += np.bincount(hour[jobs.origin == r], minlength=24)
    share = morning / morning.sum(axis=1, keepdims=True)
    assert share[0, 8:10].sum() > 1.5 * share[1, 8:10].sum()
    assert abs(int(share[1].argmax()) - int(share[0].argmax()) - 2) <= 1


def test_mean_work_is_what_draws_average() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    drawn = many_weeks(scenario, 60)
    work, classes = (np.concatenate([jobs._asdict()[key] for jobs in drawn]) for key in ("work_gpu_h", "job_class"))
    for c in range(3):
        assert work[classes == c].mean() == pytest.approx(mean_work_gpu_h(scenario, c, 0), rel=0.08)


def test_training_is_heavy_tailed_and_estimates_err_without_a_trend() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    drawn = many_weeks(scenario, 60)
    work, estimate, classes = (
        np.concatenate([jobs._asdict()[key] for jobs in drawn]) for key in ("work_gpu_h", "estimate_gpu_h", "job_class")
    )
    training = work[classes == 2]
    assert training.mean() > 1.5 * np.median(training)
    assert np.quantile(training, 0.99) > 8 * np.median(training)
    for c, job_class in enumerate(scenario.job_classes):
        error = np.log(estimate[classes == c] / work[classes == c])
        assert error.std() == pytest.approx(job_class.estimate_sigma, rel=0.08)
        assert abs(error.mean()) < 0.03


def test_slack_spreads_from_a_few_hours_to_two_days() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    slack = np.concatenate(
        [(j.deadline_step - j.arrival_step) * 0.25 - j.work_gpu_h / j.gpus for j in many_weeks(scenario, 10)]
    )
    low, middle, high = np.quantile(slack, (0.05, 0.5, 0.95))
    assert low < 6 and 8 < middle < 20 and 30 < high <= 48.25


def test_the_same_seed_gives_the_same_jobs_and_one_class_leaves_the_others_alone() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    first, again = (draw_jobs(scenario, MONDAY, np.random.SeedSequence(5)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    last = scenario.job_classes[2].model_copy(update={"jobs_per_day": (1.0, 1.0)})
    fewer = scenario.model_copy(update={"job_classes": (*scenario.job_classes[:2], last)})
    other = draw_jobs(fewer, MONDAY, np.random.SeedSequence(5))
    np.testing.assert_array_equal(first.work_gpu_h[first.job_class < 2], other.work_gpu_h[other.job_class < 2])


def test_no_arrivals_make_an_empty_table() -> None:
    toy = load_scenario("toy")
    idle = toy.job_classes[0].model_copy(update={"jobs_per_day": (0.0, 0.0)})
    jobs = draw_jobs(toy.model_copy(update={"job_classes": (idle,)}), MONDAY, np.random.SeedSequence(0))
    assert all(len(column) == 0 for column in jobs)
