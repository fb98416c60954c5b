"""What the processes share: kept results, tables read between their points, streams, the week's and the day's steps."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.configs import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.caching import MOST_OF_AN_OWNER, cached_for_owner
from wattward.envs.world.processes.calendar import clock, days_of_year, minutes_of_week, place_in_period, step_minutes
from wattward.envs.world.processes.lookup import interpolate_rows


def test_a_result_is_computed_once_an_owner_and_argument() -> None:
    calls: list[tuple[str, int]] = []

    @cached_for_owner
    def title(scenario: Scenario, year: int) -> str:
        calls.append((scenario.name, year))
        return f"{scenario.name} {year}"

    toy = load_scenario("toy")
    assert [title(toy, 2026), title(toy, 2027), title(toy, 2026)] == ["toy 2026", "toy 2027", "toy 2026"]
    assert calls == [("toy", 2026), ("toy", 2027)]
    assert title(toy.model_copy(update={"name": "copy"}), 2026) == "copy 2026"
    for year in range(3000, 3000 + MOST_OF_AN_OWNER):
        title(toy, year)
    calls.clear()
    assert title(toy, 2026) == "toy 2026" and len(calls) == 1, "the last few only"


def test_results_go_with_their_owner() -> None:
    class Load:
        alive = 0

        def __init__(self) -> None:
            Load.alive += 1

        def __del__(self) -> None:
            Load.alive -= 1

    @cached_for_owner
    def load(scenario: Scenario) -> Load:
        return Load()

    toy = load_scenario("toy").model_copy()
    assert load(toy) is load(toy) and Load.alive == 1
    del toy
    gc.collect()
    assert Load.alive == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(-6.0, 6.0, 1201), (0.0, 60.0, 601), (0.0, 2.0, 81)]))
def test_tables_are_read_as_numpy_reads_them(seed: int, span: tuple[float, float, int]) -> None:
    rng, grid = np.random.default_rng(seed), np.linspace(*span)
    tables = rng.standard_normal((3, grid.size))
    x = rng.uniform(span[0] - 1, span[1] + 1, (3, 200))
    x[0, :50] = rng.choice(grid, 50)
    x[1, :4] = (grid[0], grid[-1], np.inf, -np.inf)
    expected = np.stack([np.interp(row, grid, table) for row, table in zip(x, tables, strict=True)])
    np.testing.assert_array_equal(interpolate_rows(x, grid, tables), expected)


def test_what_is_not_a_number_stays_so() -> None:
    read = interpolate_rows(np.array([[np.nan, 0.5]]), np.linspace(0.0, 1.0, 3), np.zeros((1, 3)))
    np.testing.assert_array_equal(read, [[np.nan, 0.0]])


@pytest.mark.parametrize("step", [15, 60])
def test_steps_of_the_week_repeat_with_it(step: int) -> None:
    start = 20_800 * 1440 + 3 * step
    week, when = clock(minutes_of_week(step)), clock(step_minutes(start, 2000, step))
    place = place_in_period(start, 2000, step, 7 * 1440)
    np.testing.assert_array_equal(week.weekday[place], when.weekday)
    np.testing.assert_array_equal(week.hour[place], when.hour)
    np.testing.assert_array_equal(days_of_year(start, 2000, step), when.day_of_year)
