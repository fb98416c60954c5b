from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wattward.configs import ConfigError
from wattward.envs.world.importers.grid import on_grid

HOURS = pd.date_range("2024-01-01", periods=72, freq="h", tz="UTC")
VALUES = np.arange(72.0)[:, None]


def test_a_series_without_gaps_is_left_alone() -> None:
    grid = on_grid("f", HOURS, VALUES, None)
    assert grid.gaps == [] and grid.times.equals(HOURS)
    np.testing.assert_array_equal(grid.values, VALUES)


def test_gaps_are_named_and_refused() -> None:
    kept = np.delete(np.arange(72), [30, 31, 32])
    values = VALUES.copy()
    values[50] = np.nan
    with pytest.raises(ConfigError) as caught:
        on_grid("f", HOURS[kept], values[kept], None)
    for words in ("2 gaps", "3 h from 2024-01-02T06:00:00+00:00", "1 h from 2024-01-03T02:00:00", "--fill"):
        assert words in str(caught.value)


def test_gaps_are_filled_by_the_rule_that_was_given() -> None:
    values = VALUES.copy()
    values[[0, 30, 31, 71]] = np.nan
    line = on_grid("f", HOURS, values, "interpolate")
    np.testing.assert_allclose(line.values[[0, 30, 31, 71], 0], [1, 30, 31, 70])
    day = on_grid("f", HOURS, values, "repeat-day")
    np.testing.assert_allclose(day.values[[0, 30, 31, 71], 0], [24, 6, 7, 47])
    assert [gap["hours"] for gap in day.gaps] == [1.0, 2.0, 1.0]


def test_an_hour_that_no_day_has_cannot_be_repeated() -> None:
    values = VALUES.copy()
    values[5::24] = np.nan
    with pytest.raises(ConfigError, match="some hour of the day has no value on any day"):
        on_grid("f", HOURS, values, "repeat-day")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([0], "holds 1 rows"),
        ([0, 1, 1, 2], "2024-01-01 01:00:00.* repeats"),
        ([0, 1, 3, 2], "2024-01-01 02:00:00.* is earlier"),
        ([0, 5, 10, 15], "5 days|0 days 05:00:00 apart, must be a whole part of a day"),
        ([0, 2, 4, 5], "falls between rows"),
    ],
)
def test_uneven_times_are_named(rows: list[int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        on_grid("f", HOURS[rows], VALUES[rows], "interpolate")
