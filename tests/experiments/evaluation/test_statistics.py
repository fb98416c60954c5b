"""Statistics over scores[seed, episode, scenario]: values by hand, bounds and invariances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wattward.experiments.evaluation import statistics
from wattward.experiments.evaluation.scores import Floats

SCORES = st.floats(-2, 1, width=32)
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 8))
TABLES = arrays(np.float64, SHAPES, elements=SCORES)
"""Scores by scenario, training seed and episode: what functions of several scenarios take, with tables of one shape."""
FEW = settings(max_examples=25)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Floats, Floats]:
    episodes, scenarios = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    tables = [
        draw(arrays(np.float64, (scenarios, draw(st.integers(1, 3)), episodes), elements=SCORES)) for _ in range(2)
    ]
    return tables[0], tables[1]


def cube(*scores: float) -> Floats:
    """One training seed and one scenario."""
    return np.array(scores)[None, None, :]


def test_values_by_hand() -> None:
    table = cube(-100.0, 1.0, 2.0, 100.0)
    assert statistics.mean_score(table) == statistics.interquartile_mean(table[0]) == pytest.approx(1.5)
    assert statistics.fifth_percentile(np.linspace(0, 1, 101)) == pytest.approx(0.05)
    np.testing.assert_allclose(statistics.profile(table, [-200, 1.0, 1.5, 100.0]), [1.0, 0.5, 0.5, 0.0])
    assert statistics.improvement(cube(0.1, 0.5, 0.9), cube(0.1, 0.6, 0.2)).value == pytest.approx((0.5 + 0 + 1) / 3)
    assert statistics.difference(cube(0.1, 0.5, 0.9), cube(0.1, 0.6, 0.2)).value == pytest.approx(0.2)


def test_every_scenario_counts_the_same_however_hard_it_is_and_however_many_seeds_it_has() -> None:
    """Pooled, the hard scenario would lie wholly in the quarter of scores that an interquartile mean drops."""
    hard, easy, easier = np.full((1, 8), -0.9), np.full((5, 8), 0.6), np.full((3, 8), 0.9)
    pooled = np.concatenate([table.ravel() for table in (hard, easy, easier)])
    assert statistics.interquartile_mean(pooled) > 0.6
    mine = [hard, easy, easier]
    assert statistics.mean_score(mine) == pytest.approx((-0.9 + 0.6 + 0.9) / 3)
    assert statistics.improvement(mine, [np.zeros((1, 8))] * 3).value == pytest.approx(2 / 3)
    assert statistics.difference(mine, [np.zeros((1, 8))] * 3).value == pytest.approx(0.2)
    assert statistics.profile(mine, 0.0) == pytest.approx(2 / 3)
    found = statistics.score_estimate(mine)
    assert (found.low, found.high) == pytest.approx((0.2, 0.2))


def test_the_interval_over_scenarios_comes_from_within_them() -> None:
    """Means that differ between scenarios do not widen it; what varies within one scenario does, by its weight."""
    steady = [np.full((2, 20), value) for value in (-0.5, 0.1, 0.8)]
    varied = np.random.default_rng(0).normal(0.1, 0.2, (1, 20))
    alone = statistics.score_estimate([varied])
    found = statistics.score_estimate([steady[0], varied, steady[2]])
    assert found.high - found.low == pytest.approx((alone.high - alone.low) / 3)


def test_episodes_without_a_score_are_left_out() -> None:
    with_gap, without = cube(0.1, np.nan, 0.5, 0.3), cube(0.1, 0.5, 0.3)
    assert statistics.mean_score(with_gap) == statistics.mean_score(without)
    assert statistics.fifth_percentile(with_gap) == statistics.fifth_percentile(without)
    assert statistics.profile(with_gap, 0.2) == pytest.approx(2 / 3)
    assert statistics.difference(with_gap, with_gap - 0.1).value == pytest.approx(0.1)
    assert statistics.improvement(with_gap, with_gap - 0.1).value == 1.0
    assert np.nanmax(statistics.resampled_iqms(with_gap[0], draws=200)) <= 0.5


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((2, 3)), "training seeds, episodes"),
        (np.full((1, 1, 2), np.nan), "one of them a number"),
        (np.full((1, 1, 2), np.inf), "finite"),
        (np.zeros((1, 1, 0)), "one of them a number"),
        ([], "at least one scenario"),
    ],
)
def test_what_is_no_table_of_scores_is_refused(scores: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        statistics.score_estimate(scores)


def test_unpaired_episodes_are_refused() -> None:
    for compare in (statistics.improvement, statistics.difference):
        with pytest.raises(ValueError, match="paired"):
            compare(np.zeros((1, 1, 3)), np.zeros((1, 1, 4)))
    with pytest.raises(ValueError, match="same episodes"):
        statistics.rank_stability({"a": np.zeros((1, 1, 3)), "b": np.zeros((1, 1, 4))})


def test_methods_that_share_no_episode_with_a_score_are_refused() -> None:
    with pytest.raises(ValueError, match="no episode"):
        statistics.difference(cube(np.nan, 1.0), cube(1.0, np.nan))


@FEW
@given(TABLES)
def test_intervals_lie_within_the_scores_and_are_repeatable(table: Floats) -> None:
    found = statistics.score_estimate(table, draws=100)
    assert found == statistics.score_estimate(table, draws=100)
    assert table.min() - 1e-9 <= found.low <= found.high <= table.max() + 1e-9
    assert table.min() - 1e-9 <= found.value <= table.max() + 1e-9
    assert table.min() <= statistics.fifth_percentile(table) <= np.median(table) + 1e-12


@FEW
@given(TABLES, st.randoms())
def test_order_of_seeds_episodes_and_scenarios_does_not_matter(table: Floats, random: Any) -> None:
    shuffled = table
    for axis in range(3):
        order = list(range(table.shape[axis]))
        random.shuffle(order)
        shuffled = shuffled.take(order, axis=axis)
    assert statistics.mean_score(shuffled) == pytest.approx(statistics.mean_score(table))
    assert statistics.fifth_percentile(shuffled) == pytest.approx(statistics.fifth_percentile(table))
    np.testing.assert_allclose(statistics.profile(shuffled, [0.0, 0.5]), statistics.profile(table, [0.0, 0.5]))


@FEW
@given(TABLES, st.floats(-1, 1), st.floats(0.1, 5))
def test_iqm_moves_and_stretches_with_the_scores(table: Floats, shift: float, factor: float) -> None:
    plain, moved = (statistics.score_estimate(scores, draws=50) for scores in (table, factor * table + shift))
    for key in ("value", "low", "high"):
        assert getattr(moved, key) == pytest.approx(factor * getattr(plain, key) + shift, abs=1e-9)


@FEW
@given(pairs())
def test_the_chances_of_either_winning_sum_to_one_and_differences_to_nothing(tables: tuple[Floats, Floats]) -> None:
    ours, theirs = tables
    one, other = (statistics.improvement(*pair, draws=50) for pair in ((ours, theirs), (theirs, ours)))
    assert one.value + other.value == pytest.approx(1.0)
    assert 0.0 <= one.low <= one.high <= 1.0 + 1e-12
    gap = statistics.difference(ours, theirs, draws=50)
    assert gap.value == pytest.approx(ours.mean() - theirs.mean(), abs=1e-9)
    assert gap.value == pytest.approx(-statistics.difference(theirs, ours, draws=50).value, abs=1e-9)
    assert ours.min() - theirs.max() - 1e-9 <= gap.low <= gap.high <= ours.max() - theirs.min() + 1e-9


@FEW
@given(TABLES)
def test_a_profile_falls_from_one_to_nothing_within_its_band(table: Floats) -> None:
    taus = np.linspace(-2.1, 1.1, 9)
    shares = statistics.profile(table, taus)
    low, high = statistics.profile_band(table, taus, draws=100)
    assert shares[0] == 1.0 and shares[-1] == 0.0
    assert (np.diff(shares) <= 0).all() and (np.diff(low) <= 0).all() and (np.diff(high) <= 0).all()
    assert ((low >= 0) & (low <= high) & (high <= 1 + 1e-12)).all()


@FEW
@given(pairs())
def test_every_rank_is_held_once_and_every_method_holds_one(tables: tuple[Floats, Floats]) -> None:
    ours, theirs = tables
    held = statistics.rank_stability({"a": ours, "b": theirs, "again": ours.copy()}, draws=60)
    shares = np.stack(list(held.values()))
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_a_clear_winner_is_first_and_equals_share() -> None:
    low, high = np.linspace(0.0, 0.2, 20)[None, None], np.linspace(0.5, 0.7, 20)[None, None]
    held = statistics.rank_stability({"low": low, "high": high, "same": low.copy()}, draws=100)
    assert held["high"].tolist() == [1.0, 0.0, 0.0]
    np.testing.assert_allclose(held["low"], [0.0, 0.5, 0.5])
    np.testing.assert_allclose(held["same"], held["low"])


def test_what_all_methods_share_does_not_blur_their_difference() -> None:
    hard_and_easy = np.linspace(0.0, 0.8, 30)[None, None]
    gap = statistics.difference(hard_and_easy + 0.05, hard_and_easy)
    assert (gap.low, gap.value, gap.high) == pytest.approx((0.05, 0.05, 0.05))
    blurred = statistics.score_estimate(hard_and_easy)
    assert blurred.high - blurred.low > 0.1


def test_disagreeing_seeds_widen_every_interval() -> None:
    episodes = np.linspace(0.5, 0.7, 20)[None, None]
    agree, disagree = (np.concatenate([episodes - x, episodes, episodes + x], axis=1) for x in (0.0, 0.2))
    for estimate in (statistics.score_estimate, lambda table: statistics.difference(table, episodes)):
        narrow, wide = (estimate(table) for table in (agree, disagree))
        assert wide.high - wide.low > (narrow.high - narrow.low) + 0.1


def test_scenarios_keep_their_weight_in_every_resample() -> None:
    tables = [np.zeros((2, 10)), np.ones((3, 12))]
    np.testing.assert_allclose(statistics.resampled_scores(tables, draws=50), 0.5)


@pytest.mark.parametrize("n_seeds", [1, 4])
def test_intervals_cover_the_truth_about_as_often_as_they_say(n_seeds: int) -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        shared = rng.normal(0.0, 0.1, (1, 1, 20))
        ours, theirs = (rng.normal(0.5, 0.05, (2, n_seeds, 20)) + shared for _ in range(2))
        gap = statistics.difference(ours, theirs, draws=200)
        inside += gap.low <= 0.0 <= gap.high
    assert 170 <= inside <= 200


def test_chunks_do_not_change_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(0).normal(size=(3, 7))
    whole = statistics.resampled_iqms(table, draws=50)
    monkeypatch.setattr(statistics, "CHUNK", 5 * table.size)
    np.testing.assert_array_equal(statistics.resampled_iqms(table, draws=50), whole)
