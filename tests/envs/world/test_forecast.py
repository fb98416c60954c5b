"""Forecasts: what is known of the future by now, and no more."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.configs import load_scenario, names
from wattward.configs.schema.disturbance import DarkWeek, DemandSurge, WorseForecasts
from wattward.configs.schema.scenario import Forecast, Scenario
from wattward.envs.checks.worlds import climatology_of, forecasts_of, truth_of
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.observation import BLOCK_EDGES_H
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND, Exogenous, Floats
from wattward.envs.world.draw import draw
from wattward.envs.world.processes.forecast import (
    explained_by,
    foresee,
    known_ahead,
    lead_levels,
    level_of_lead,
    persistence_curve,
)
from wattward.envs.world.processes.gaussian import draw_course, field_law, persistence
from wattward.envs.world.processes.interactive import interactive_law
from wattward.envs.world.processes.sun import sun_law
from wattward.envs.world.processes.wind import wind_law
from wattward.envs.world.recording import Recording
from wattward.envs.world.signals import forecast_tables
from wattward.envs.world.splits import episode_seed

EPISODES = 300
NOON = 36
"""Noon of the second day, in hours."""
ISSUES = np.arange(NOON - 24, NOON)
HOURS = np.arange(-3, 4)
"""The target hours around noon."""
QUANTITIES = ((SUN, 0), (SUN, 1), (WIND, 1), (INTERACTIVE, 0), (INTERACTIVE, 1), (CARBON, 0), (CARBON, 1))
"""Quantities and regions that vary; Zhejiang has no wind on site."""


def with_skill(scenario: Scenario, skill: float) -> Scenario:
    return scenario.model_copy(update={"forecast": scenario.forecast.model_copy(update={"skill": skill})})


def small(start: str = "2026-06-10") -> Scenario:
    """Two days of the pair in hourly steps."""
    pair = load_scenario("zhejiang-xinjiang")
    return pair.model_copy(update={"step_minutes": 60, "episode_days": 2.0, "start": start})


class Issued(NamedTuple):
    """Forecasts of many episodes; the last axes are quantity and region."""

    truth: Floats  # (E, 7, 4, R) in the hours around noon, as a deviation from climatology in units of its spread
    forecasts: Floats  # (E, 24, 7, 4, R) by hour of issue and hour around noon, likewise
    error: Floats  # (L, 4, R) mean squared error by lead, over all hours of issue
    variance: Floats  # (L, 4, R) mean squared deviation of the truth from climatology


def issued(scenario: Scenario, worlds: list[Exogenous]) -> Issued:
    n_leads, truths, forecasts = scenario.horizon + 1, list[Floats](), list[Floats]()
    error, variance = np.zeros((2, n_leads, 4, scenario.n_regions))
    for world in worlds:
        mean, truth = climatology_of(world), truth_of(world)
        mix, response = world.signals.mix[0, :, :, 1:], world.signals.response[0, :, :, 1]
        spread = np.sqrt(np.einsum("qri,irn->qnr", mix**2, response**2)).max(axis=1, keepdims=True)
        scale = np.maximum(spread, 1e-12)
        seen = np.zeros((ISSUES.size, HOURS.size, 4, scenario.n_regions))
        for row, step in enumerate(ISSUES):
            made, ahead = forecasts_of(scenario, world, int(step)), slice(int(step), int(step) + n_leads)
            error += ((made - truth[:, ahead]) ** 2).swapaxes(0, 1)
            variance += ((truth[:, ahead] - mean[:, ahead]) ** 2).swapaxes(0, 1)
            for column, hour in enumerate(NOON + HOURS):
                if step < hour < step + n_leads:
                    seen[row, column] = (made[:, hour - step] - mean[:, hour]) / scale[:, 0]
        forecasts.append(seen)
        truths.append(((truth - mean)[:, NOON + HOURS] / scale).swapaxes(0, 1))
    return Issued(np.array(truths), np.array(forecasts), error / len(worlds), variance / len(worlds))


@pytest.fixture(scope="module")
def drawn() -> Issued:
    scenario = small()
    return issued(scenario, [draw(scenario, episode_seed("train", k)) for k in range(EPISODES)])


@pytest.fixture(scope="module")
def recorded() -> Issued:
    """Of a made-up recording whose series have the memory that they are taken to have."""
    scenario, rng = small("any_day"), np.random.default_rng(5)
    steps, shared = 8760, np.array([[1.0, 0.6], [0.6, 1.0]])

    def deviation(memory_h: float) -> Floats:
        return np.clip(draw_course(steps, field_law(persistence(1.0, (memory_h,) * 2), shared), rng).slow.T, -3.0, 3.0)

    day = np.maximum(0.0, np.sin(np.pi * (np.arange(steps) % 24 - 5) / 12))[:, None]
    recording = Recording(
        name="made-up",
        region_names=tuple(region.name for region in scenario.regions),
        step_minutes=60,
        year=2021,
        sun_cf=day * (0.5 + 0.15 * deviation(9.0)),
        wind_cf=0.4 + 0.1 * deviation(12.0),
        requests=60.0 + 8.0 * deviation(5.0)[: 360 * 24],
        requests_are_gpus=True,
    )
    return issued(scenario, [draw(scenario, episode_seed("train", k), recording) for k in range(EPISODES)])


def unexplained(truth: Floats, *known: Floats) -> float:
    """Standard deviation of what a linear regression leaves over, adjusted for the number of regressors."""
    columns = np.column_stack([np.ones(len(truth)), *known])
    columns = columns[:, np.append(True, columns[:, 1:].std(axis=0) > 1e-9)]
    rest = truth - columns @ np.linalg.lstsq(columns, truth, rcond=1e-9)[0]
    return float(np.sqrt(rest @ rest / (len(truth) - np.linalg.matrix_rank(columns))))


@pytest.mark.parametrize("source", ["drawn", "recorded"])
@pytest.mark.parametrize("lead", [20, 12, 6, 2])
def test_earlier_forecasts_and_those_of_other_hours_add_nothing(
    source: str, lead: int, request: pytest.FixtureRequest
) -> None:
    """Forecasts that shared one error for each target hour gave the truth away: three of them left 1e-12 of it."""
    made: Issued = request.getfixturevalue(source)
    last, noon = 24 - lead, HOURS.size // 2
    for quantity, region in QUANTITIES:
        truth, seen = made.truth[:, noon, quantity, region], made.forecasts[..., quantity, region]
        alone = unexplained(truth, seen[:, last, noon])
        earlier = unexplained(truth, seen[:, : last + 1, noon])
        three = unexplained(truth, seen[:, max(0, last - 2) : last + 1, noon])
        hours = unexplained(truth, seen[:, last])
        everything = unexplained(truth, made.forecasts[:, last, noon].reshape(EPISODES, -1))
        assert min(earlier, three, hours, everything) > 0.94 * alone, (quantity, region)
        assert alone > 0.05


@pytest.mark.parametrize("source", ["drawn", "recorded"])
def test_revisions_cannot_be_foreseen(source: str, request: pytest.FixtureRequest) -> None:
    made: Issued = request.getfixturevalue(source)
    for quantity, region in QUANTITIES:
        path = np.column_stack(
            [made.forecasts[:, :, HOURS.size // 2, quantity, region], made.truth[:, HOURS.size // 2, quantity, region]]
        )
        revisions = np.diff(path, axis=1)
        revisions = revisions[:, revisions.std(axis=0) > 0.03]
        together = np.corrcoef(revisions, rowvar=False)[np.triu_indices(revisions.shape[1], 1)]
        assert np.abs(together).max() < 0.28 and np.abs(together).mean() < 0.075
        assert abs(together.mean()) < 0.02


@pytest.mark.parametrize("source", ["drawn", "recorded"])
def test_forecasts_are_unbiased(source: str, request: pytest.FixtureRequest) -> None:
    made: Issued = request.getfixturevalue(source)
    for quantity, region in QUANTITIES:
        error = made.forecasts[:, :, HOURS.size // 2, quantity, region] - made.truth[:, None, 3, quantity, region]
        assert (np.abs(error.mean(axis=0)) < 3.5 * error.std(axis=0) / np.sqrt(EPISODES)).all()


def test_errors_by_lead_follow_the_law(drawn: Issued) -> None:
    scenario, explained = small(), 1.0 - drawn.error / np.maximum(drawn.variance, 1e-12)
    laws = {WIND: wind_law(scenario), INTERACTIVE: interactive_law(scenario)}
    for quantity, region in ((WIND, 1), (INTERACTIVE, 0), (INTERACTIVE, 1)):
        law = laws[quantity].foresight.explained[:, region]
        np.testing.assert_allclose(explained[:, quantity, region], law, atol=0.11)
    both = explained[:, INTERACTIVE].mean(axis=1)
    np.testing.assert_allclose(both, forecast_tables(scenario).explained[INTERACTIVE], atol=0.06)
    np.testing.assert_array_equal(explained[0, :, 1], 1.0)


@pytest.mark.parametrize("quantity", [SUN, WIND])
def test_errors_of_weather_follow_from_what_is_known(quantity: int) -> None:
    """A polynomial of order p of a latent of which the share q is known leaves the share 1 - q^p of its variance."""
    scenario = load_scenario("zhejiang-xinjiang")
    tables, kept = forecast_tables(scenario), sun_law(scenario).days.memory[0, 1]
    leads = np.array([4, 16, 32, 48, 64, 96])
    error, expected = np.zeros((2, leads.size))
    for episode in range(150):
        world = draw(scenario, episode_seed("train", episode))
        truth, x = truth_of(world)[quantity, :, 1], world.signals
        starts, orders = x.day_start[0, 1], np.arange(x.response.shape[3])
        sizes = x.mix[0, quantity, 1, 1 + quantity] ** 2 * np.array([math.factorial(int(order)) for order in orders])
        for step in range(0, scenario.n_steps, 37):
            made = forecasts_of(scenario, world, step)[quantity, leads, 1]
            nights = ((starts > step) & (starts <= step + leads[:, None])).sum(axis=1)
            known = tables.variance[quantity, 1, leads]
            known = known + tables.day_share[1] * kept ** (2 * nights) if quantity == SUN else known
            variances = sizes[:, None] * x.response[0, quantity, 1][:, step + leads] ** 2
            error += (made - truth[step + leads]) ** 2
            expected += (variances * (1.0 - known ** orders[:, None])).sum(axis=0)
    np.testing.assert_allclose(error / expected, 1.0, atol=0.16)


def test_errors_of_neighbouring_hours_and_issues_hang_together(drawn: Issued) -> None:
    """An error lasts as long as the phenomenon: requests remember an hour, wind half a day."""
    for quantity, region, least in ((INTERACTIVE, 0, 0.5), (WIND, 1, 0.85), (SUN, 0, 0.9)):
        error = drawn.forecasts[:, 4, :, quantity, region] - drawn.truth[:, :, quantity, region]
        assert np.corrcoef(error[:, 3], error[:, 4])[0, 1] > least
        later = drawn.forecasts[:, 5, :, quantity, region] - drawn.truth[:, :, quantity, region]
        assert np.corrcoef(error[:, 3], later[:, 3])[0, 1] > 0.9


def test_errors_of_near_regions_hang_together() -> None:
    scenario = small()
    here = scenario.regions[1]
    beside = here.model_copy(update={"name": "beside", "site": here.site.model_copy(update={"latitude_deg": 45.0})})
    near = scenario.model_copy(update={"regions": (beside, here)})
    made = issued(near, [draw(near, episode_seed("train", k)) for k in range(80)])
    error = made.forecasts[:, 4, 3] - made.truth[:, 3]
    for quantity in (SUN, WIND, CARBON):
        assert np.corrcoef(error[:, quantity], rowvar=False)[0, 1] > 0.6
    assert abs(np.corrcoef(error[:, INTERACTIVE], rowvar=False)[0, 1]) < 0.3


@pytest.mark.parametrize("skill", [0.0, 0.6, 0.95])
def test_the_truth_does_not_depend_on_the_skill(skill: float) -> None:
    worlds = [draw(with_skill(small(), each), episode_seed("train", 1)) for each in (skill, 1.0)]
    np.testing.assert_array_equal(truth_of(worlds[0]), truth_of(worlds[1]))


def test_perfect_skill_sees_the_truth() -> None:
    for name in ("zhejiang-xinjiang", "follow-the-sun"):
        scenario = with_skill(load_scenario(name), 1.0)
        world = draw(scenario, episode_seed("train", 2))
        for step in (0, 100):
            ahead = slice(step, step + scenario.horizon + 1)
            np.testing.assert_array_equal(forecasts_of(scenario, world, step), truth_of(world)[:, ahead])


def test_forecasts_start_at_the_truth_and_are_never_negative() -> None:
    scenario = load_scenario("follow-the-sun")
    for episode in range(5):
        world = draw(scenario, episode_seed("validation", episode))
        for step in range(0, scenario.n_steps, 50):
            made = forecasts_of(scenario, world, step)
            assert (made >= 0.0).all()
            np.testing.assert_array_equal(made[:, 0], truth_of(world)[:, step])


def test_no_sun_is_expected_at_night() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    made = forecasts_of(scenario, draw(scenario, episode_seed("train", 0)), 0)[SUN]
    assert (made[:16] == 0.0).all() and made.max() > 10.0


def test_cutting_at_zero_adds_next_to_no_bias() -> None:
    """The sum of polynomials may be slightly negative where the expectation is almost 0."""
    scenario = load_scenario("zhejiang-xinjiang")
    total, added = np.zeros(4), np.zeros(4)
    for episode in range(20):
        world = draw(scenario, episode_seed("train", episode))
        for step in range(0, scenario.n_steps, 40):
            made, plain = forecasts_of(scenario, world, step), plain_forecasts(scenario, world, step, cut=False)
            total, added = total + made.sum(axis=(1, 2)), added + (made - plain).sum(axis=(1, 2))
    assert (added >= -1e-6).all() and (added < 0.01 * total).all()


def plain_forecasts(scenario: Scenario, world: Exogenous, step: int, *, cut: bool = True) -> Floats:
    """The forecasts issued at a step, shape (4, L, R), lead by lead as the text of the kernel describes them."""
    x, tables = world.signals, forecast_tables(scenario)
    truth, made = truth_of(world), np.zeros((4, scenario.horizon + 1, scenario.n_regions))
    for r in range(scenario.n_regions):
        expected = np.array([plain_signal(scenario, world, i, r, step) for i in range(x.slow.shape[1])])
        made[:, :, r] = x.mix[0, :, r, :1] + x.mix[0, :, r, 1:] @ expected
    ahead = slice(step, step + made.shape[1])
    if x.false_news.shape[1]:
        made += tables.blur[:, :, None] * x.false_news[0, :, :, ahead].swapaxes(1, 2)
    made = np.maximum(0.0, made) if cut else made
    return np.where(tables.is_seen[:, :, None], truth[:, ahead], made)


def plain_signal(scenario: Scenario, world: Exogenous, i: int, r: int, step: int) -> Floats:
    """The expectation of a signal in a region by lead, shape (L,)."""
    x, tables = world.signals, forecast_tables(scenario)
    a, b, alpha, beta = x.memory[0, i, r]
    slow, fast, days, variance = x.slow[0, i, r, step], x.fast[0, i, r, step], 0.0, 0.0
    starts = x.day_start[0, r] if i == SUN else np.zeros(0, np.int64)
    if starts.size:
        days, variance = x.days[0, r, 0, np.flatnonzero(starts <= step)[-1]], tables.day_share[r]
    expected = np.zeros(scenario.horizon + 1)
    for lead in range(1, expected.size):
        level, target = tables.level_of_lead[lead], step + lead
        push = x.ahead[0, i, r, level, target]
        slow, fast = a * slow + alpha * push, b * fast + beta * push
        for d in np.flatnonzero(starts == target):
            kept = x.days_kept[0, r]
            days = kept * days + x.days[0, r, 1 + level, d]
            variance = kept**2 * variance + (1 - kept**2) * tables.day_known[level, r] * tables.day_share[r]
        mean, response = slow + fast + days, x.response[0, i, r, :, target]
        q = variance + tables.variance[i, r, lead] if i < 2 else 0.0
        older, newer, value = 0.0, 1.0, response[0]
        for order in range(1, response.size):
            older, newer = newer, mean * newer - (order - 1) * q * older
            value += response[order] * newer
        impact = x.impact[0, i, r, target] if x.impact.shape[1] else 1.0
        expected[lead] = value * (1.0 + tables.explained[i, lead] * (impact - 1.0))
    return expected


DISTURBED = (DarkWeek(start_h=0, factor=0.3), DemandSurge(start_h=10, factor=1.3), WorseForecasts(factor=2.0))


@pytest.mark.parametrize("name", ["zhejiang-xinjiang", "follow-the-sun", "shanghai-grid-event", "disturbed"])
def test_the_kernel_follows_the_recursion(name: str) -> None:
    scenario = load_scenario("zhejiang-xinjiang" if name == "disturbed" else name)
    if name == "disturbed":
        scenario = scenario.model_copy(update={"disturbances": DISTURBED})
    world = draw(scenario, episode_seed("train", 9))
    for step in (0, 31, scenario.n_steps - 1):
        made, plain = forecasts_of(scenario, world, step), plain_forecasts(scenario, world, step)
        np.testing.assert_allclose(made, plain, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("name", ["zhejiang-xinjiang", "eight-hubs", "disturbed"])
def test_observations_hold_the_forecasts_of_outlooks(name: str) -> None:
    scenario = load_scenario("zhejiang-xinjiang" if name == "disturbed" else name)
    if name == "disturbed":
        scenario = scenario.model_copy(update={"disturbances": DISTURBED})
    env = ClusterEnv(scenario)
    env.reset(options={"split": "train", "episode": 3})
    lead_h = np.arange(scenario.horizon + 1) * scenario.step_h
    for _ in range(40):
        env.step(np.zeros(scenario.n_regions, dtype=np.int64))
    outlook, fields = env.outlook(), env.observed_fields()
    seen = env._observer.views(fields)["interactive_ahead"]
    share = outlook.interactive_forecast_gpus / outlook.fleet_gpus
    surplus = outlook.surplus_forecast_gpus / outlook.fleet_gpus
    for block, (first_h, last_h) in enumerate(pairwise(BLOCK_EDGES_H)):
        within = (lead_h > first_h + 1e-9) & (lead_h <= last_h + 1e-9)
        if within.any():
            np.testing.assert_allclose(seen[:, block], share[within].mean(axis=0), rtol=2e-5)
    ahead = env._observer.views(fields)["surplus_ahead"]
    assert ahead.shape == seen.shape and (ahead.max() > 0) == (surplus[1:].max() > 0)


@pytest.mark.parametrize("name", names("scenarios"))
def test_shipped_scenarios_meet_their_target(name: str) -> None:
    """Explained variance is within 0.07 of the greater of exp(-2 (1 - skill) lead / memory) and persistence."""
    scenario = load_scenario(name)
    for law, memory_h in laws_of(scenario):
        explained, persists = law
        lead_h = np.arange(scenario.horizon + 1)[:, None] * scenario.step_h
        target = np.maximum(np.exp(-2 * (1 - scenario.forecast.skill) * lead_h / memory_h), persists)
        assert np.abs(explained - target).max() < 0.07
        assert (explained >= persists - 1e-9).all() and (np.diff(explained, axis=0) < 1e-9).all()


def laws_of(scenario: Scenario) -> list[tuple[tuple[Floats, Floats], float]]:
    """What forecasts explain and what persistence explains, each (L, R), with the memory, for wind and requests."""
    wind, load, leads = wind_law(scenario), interactive_law(scenario), scenario.horizon + 1
    return [
        ((wind.foresight.explained, persistence_curve(wind.weather.memory, leads)), scenario.forecast.wind_memory_h),
        (
            (load.foresight.explained, persistence_curve(load.deviation.memory, leads)),
            scenario.forecast.interactive_memory_h,
        ),
    ]


def test_persistence_is_what_the_present_explains() -> None:
    memory = field_law((0.9, 0.9), np.eye(2), (0.0, 0.6)).memory
    curve = persistence_curve(memory, 12)
    np.testing.assert_allclose(curve[:, 0], 0.9 ** (2 * np.arange(12)))
    pushes = memory[2, 1] * 0.9 ** np.arange(400) + memory[3, 1] * 0.6 ** np.arange(400)
    np.testing.assert_allclose(curve[:, 1], [(pushes[lead:] ** 2).sum() / (pushes**2).sum() for lead in range(12)])


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(1.0, 40.0), st.floats(0.5, 60.0), st.integers(1, 60))
def test_shares_are_a_distribution_and_skill_only_helps(
    skill: float, memory_h: float, process_h: float, horizon: int
) -> None:
    persists = persistence_curve(field_law(persistence(0.5, (process_h,)), np.eye(1)).memory, horizon + 1)
    made = foresee(Forecast(skill=skill), 0.5, memory_h, persists)
    perfect = foresee(Forecast(skill=1.0), 0.5, memory_h, persists)
    np.testing.assert_allclose(made.weights.sum(axis=0), 1.0)
    assert (made.weights >= 0).all() and made.weights.shape[0] == 1 + lead_levels(horizon).size
    np.testing.assert_allclose(made.explained[0], 1.0)
    assert (persists - 1e-9 <= made.explained).all() and (made.explained <= perfect.explained + 1e-9).all()
    np.testing.assert_array_equal(perfect.explained, 1.0)
    np.testing.assert_allclose(explained_by(made.weights, persists), made.explained)


def test_each_lead_takes_the_first_level_that_reaches_it() -> None:
    levels, places = lead_levels(24), level_of_lead(24)
    assert levels.tolist() == [2, 4, 8, 14, 24]
    assert [int(levels[place]) for place in places] == [int(levels[levels >= lead][0]) for lead in range(25)]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4), st.integers(0, 1000))
def test_pieces_are_independent_and_sum_to_the_innovation(shares: list[float], seed: int) -> None:
    weights = np.array([0.2, *shares])[:, None] / (0.2 + sum(shares))
    rng, n = np.random.default_rng(seed), 20_000
    innovations = rng.standard_normal((1, n))
    pieces = np.flatnonzero(weights[1:].any(axis=1))
    ahead = known_ahead(innovations, weights, pieces, rng.standard_normal((pieces.size, 1, n)))[0]
    each = np.diff(np.vstack([np.zeros(n), ahead[::-1], innovations]), axis=0)[::-1]
    np.testing.assert_allclose(np.cov(each), np.diag(weights[:, 0]), atol=6.0 / math.sqrt(n))
