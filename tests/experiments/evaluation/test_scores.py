"""Scores and savings against hand counts."""

from __future__ import annotations

import re

import numpy as np
import pytest

from wattward.configs import ConfigError
from wattward.experiments.common.records import FAILURE, Record
from wattward.experiments.evaluation import scores


def test_score_is_the_share_of_what_could_be_saved() -> None:
    earned = scores.score(np.array([100.0, 60.0, 80.0, 120.0]), np.full(4, 100.0), np.full(4, 60.0))
    np.testing.assert_allclose(earned, [0.0, 1.0, 0.5, -0.5])


def test_an_episode_without_anything_to_save_has_no_score() -> None:
    assert np.isnan(scores.score(np.array([100.0]), np.array([100.0]), np.array([100.0])))[0]


def test_a_cost_within_the_margin_of_the_bound_scores_one() -> None:
    """Where little can be saved, the bound's own rounding would look like a score far above 1."""
    floor, bound = 1e6, 1e6 - 0.01
    assert scores.score(np.array(bound - 5e-4), np.array(floor), np.array(bound)) == 1.0
    assert scores.score(np.array(bound - 5e-3), np.array(floor), np.array(bound)) == pytest.approx(1.5)


GOOD: Record = {
    "method": "PPO",
    "train_seed": 3,
    "scenario": "toy",
    "split": "test",
    "episode": 7,
    "run_on_arrival_cost": 100.0,
    "bound_cost": 50.0,
    "total_cost": 60.0,
    "energy_cost": 60.0,
    "score": 0.8,
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"total_cost": 49.9}, "costs 49.9, less than the hindsight bound, 50.0; the method or the bound is at fault"),
        ({"total_cost": float("nan")}, "its total_cost is nan; must be a finite number"),
        ({"energy_cost": float("inf")}, "its energy_cost is inf; must be a finite number"),
        ({"bound_cost": float("nan")}, "its bound_cost is nan; must be a finite number"),
        ({"bound_cost": None}, "its bound_cost is None; must be a finite number"),
        ({"bound_cost": 101.0, "total_cost": 102.0}, "RunOnArrival costs 100.0, less than the hindsight bound, 101.0"),
        ({"score": 1.01}, "its score is 1.01; must be at most 1, the score of the hindsight bound"),
        ({"score": float("nan")}, "its score is nan; must be at most 1"),
    ],
)
def test_an_impossible_episode_is_refused_by_name(wrong: Record, said: str) -> None:
    scores.refuse_impossible(GOOD)
    where = r"^method PPO \(training seed 3\), scenario toy, test episode 7: "
    with pytest.raises(ConfigError, match=where + re.escape(said)):
        scores.refuse_impossible(GOOD | wrong)


def test_a_failed_episode_has_no_costs_to_refuse() -> None:
    empty = GOOD | {"total_cost": None, "energy_cost": None, "score": None}
    scores.refuse_impossible(empty | {FAILURE: "step 3: it raised"})
    with pytest.raises((ConfigError, TypeError)):
        scores.refuse_impossible(empty)


def test_saving_weighs_episodes_by_their_cost() -> None:
    assert scores.saving(np.array([50.0, 900.0]), np.array([100.0, 900.0])) == pytest.approx(0.05)
