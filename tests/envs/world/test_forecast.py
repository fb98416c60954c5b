from __future__ import annotations

import numpy as np
import pytest

from wattward.configs import load_scenario
from wattward.envs.model.params import forecast_rho
from wattward.envs.model.types import INTERACTIVE, SUN
from wattward.envs.world.draw import draw
from wattward.envs.world.processes.forecast import forecast
from wattward.envs.world.splits import episode_seed

LEVEL = 100.0


def errors_and_truths(rho: np.ndarray, episodes: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecast, truth and error of standard normal anomalies, each (episodes, L)."""
    rng = np.random.default_rng(0)
    anomaly, noise = rng.standard_normal((2, len(rho), episodes))
    climatology = np.full((len(rho), episodes), LEVEL)
    guess = forecast(climatology + anomaly, climatology, noise, rho).T - LEVEL
    return guess, anomaly.T, guess - anomaly.T


def test_correlation_and_error_by_lead_are_as_documented() -> None:
    rho = np.array([1.0, 0.9, 0.6, 0.3, 0.0])
    guess, truth, error = errors_and_truths(rho)
    np.testing.assert_allclose(error[:, 0], 0.0, atol=1e-12)
    for lead in range(1, 4):
        assert np.corrcoef(guess[:, lead], truth[:, lead])[0, 1] == pytest.approx(rho[lead], abs=0.02)
    np.testing.assert_allclose(error.var(axis=0), 1.0 - rho**2, atol=0.03)
    np.testing.assert_array_equal(guess[:, 4], 0.0)


def test_perfect_skill_sees_the_truth() -> None:
    _, _, error = errors_and_truths(np.ones(6), episodes=50)
    np.testing.assert_allclose(error, 0.0, atol=1e-12)


def test_forecasts_are_never_negative() -> None:
    guess = forecast(np.zeros((3, 1)), np.full((3, 1), 0.1), np.full((3, 1), -5.0), np.array([1.0, 0.7, 0.5]))
    assert (guess >= 0.0).all()


def test_drawn_worlds_are_forecast_with_the_documented_error() -> None:
    """Relative to the load's own spread, as rho says: the second anomaly has the law of the first."""
    scenario = load_scenario("zhejiang-xinjiang")
    rho = forecast_rho(scenario)[INTERACTIVE]
    leads = scenario.horizon + 1
    error, spread = np.zeros(leads), np.zeros(leads)
    for week in range(60):
        world = draw(scenario, episode_seed("validation", week))
        for first in range(0, scenario.n_steps, 96):
            ahead = slice(first, first + leads)
            truth, climatology = world.interactive_gpus[0, ahead], world.climatology[0, INTERACTIVE, ahead]
            guess = forecast(truth, climatology, world.noise[0, INTERACTIVE, ahead], rho)
            error += (((guess - truth) / climatology) ** 2).sum(axis=1)
            spread += (((truth - climatology) / climatology) ** 2).sum(axis=1)
    share = error / spread
    assert share[0] == 0.0
    np.testing.assert_allclose(share[[8, 24, 48, 96]], 1.0 - rho[[8, 24, 48, 96]] ** 2, atol=0.15)
    assert share[2] < share[24] < share[96]


def test_no_sun_is_expected_at_night() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    world = draw(scenario, episode_seed("train", 0))
    rho = forecast_rho(scenario)[SUN]
    ahead = slice(0, scenario.horizon + 1)
    guess = forecast(world.sun_kw[0, ahead], world.climatology[0, SUN, ahead], world.noise[0, SUN, ahead], rho)
    assert (guess[:16] == 0.0).all() and guess.max() > 10.0
