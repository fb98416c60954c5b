"""Scores against hand counts and properties that any fair score has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wattward.experiments import scores

TABLES = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=st.floats(-2, 1, width=32))


def test_score_is_the_share_of_what_could_be_saved() -> None:
    earned = scores.score(np.array([100.0, 60.0, 80.0, 120.0]), np.full(4, 100.0), np.full(4, 60.0))
    np.testing.assert_allclose(earned, [0.0, 1.0, 0.5, -0.5])


def test_an_episode_without_anything_to_save_has_no_score() -> None:
    assert np.isnan(scores.score(np.array([100.0]), np.array([100.0]), np.array([100.0])))[0]


def test_saving_weighs_episodes_by_their_cost() -> None:
    assert scores.saving(np.array([50.0, 900.0]), np.array([100.0, 900.0])) == pytest.approx(0.05)


def test_iqm_ignores_the_outer_quarters() -> None:
    assert scores.iqm(np.array([[-1000.0, 1.0], [2.0, 1000.0]])) == pytest.approx(1.5)


@pytest.mark.parametrize("wrong", [np.empty((1, 0)), np.array([[np.nan]])])
def test_scores_that_are_no_numbers_are_refused(wrong: scores.Floats) -> None:
    with pytest.raises(ValueError, match="finite"):
        scores.iqm(wrong)


def test_interval_needs_seeds_and_episodes() -> None:
    with pytest.raises(ValueError, match="training seeds, episodes"):
        scores.interval(np.array([0.5, 0.6]))


def test_equal_scores_have_an_interval_of_no_width() -> None:
    assert scores.interval(np.full((3, 20), 0.7)) == pytest.approx((0.7, 0.7))


def test_disagreeing_seeds_widen_the_interval() -> None:
    episodes = np.linspace(0.5, 0.7, 20)
    agree = np.stack([episodes, episodes, episodes])
    disagree = np.stack([episodes - 0.2, episodes, episodes + 0.2])
    widths = [np.subtract(*scores.interval(table)[::-1]) for table in (agree, disagree)]
    assert widths[1] > 2 * widths[0] > 0


def test_repeating_a_seed_adds_no_certainty() -> None:
    episodes = np.random.default_rng(1).normal(0.5, 0.1, 20)
    once, thrice = (scores.interval(np.tile(episodes, (n, 1))) for n in (1, 3))
    assert thrice[1] - thrice[0] > 0.8 * (once[1] - once[0])


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        low, high = scores.interval(rng.normal(0.5, 0.1, (1, 20)), draws=200)
        inside += low <= 0.5 <= high
    assert 170 <= inside <= 199


@settings(max_examples=25)
@given(TABLES)
def test_interval_is_repeatable_ordered_and_within_the_scores(table: scores.Floats) -> None:
    low, high = scores.interval(table, draws=100)
    assert (low, high) == scores.interval(table, draws=100)
    assert table.min() - 1e-9 <= low <= high <= table.max() + 1e-9


@settings(max_examples=25)
@given(TABLES, st.integers(1, 3))
def test_the_chances_of_either_winning_sum_to_one(table: scores.Floats, n_rivals: int) -> None:
    rivals = np.roll(table, 1, axis=1)[:1].repeat(n_rivals, axis=0)
    ours, theirs = scores.probability_of_improvement(table, rivals), scores.probability_of_improvement(rivals, table)
    assert ours + theirs == pytest.approx(1.0)
    assert scores.probability_of_improvement(table[:1], table[:1]) == pytest.approx(0.5)


def test_improvement_is_counted_on_the_same_episode() -> None:
    hard_then_easy = np.array([[0.1, 0.9]])
    assert scores.probability_of_improvement(hard_then_easy + 0.01, hard_then_easy) == 1.0


def test_unpaired_episodes_are_refused() -> None:
    with pytest.raises(ValueError, match="paired"):
        scores.probability_of_improvement(np.zeros((1, 3)), np.zeros((1, 4)))
