"""Scores and savings against hand counts."""

from __future__ import annotations

import numpy as np
import pytest

from wattward.experiments.evaluation import scores


def test_score_is_the_share_of_what_could_be_saved() -> None:
    earned = scores.score(np.array([100.0, 60.0, 80.0, 120.0]), np.full(4, 100.0), np.full(4, 60.0))
    np.testing.assert_allclose(earned, [0.0, 1.0, 0.5, -0.5])


def test_an_episode_without_anything_to_save_has_no_score() -> None:
    assert np.isnan(scores.score(np.array([100.0]), np.array([100.0]), np.array([100.0])))[0]


def test_saving_weighs_episodes_by_their_cost() -> None:
    assert scores.saving(np.array([50.0, 900.0]), np.array([100.0, 900.0])) == pytest.approx(0.05)
