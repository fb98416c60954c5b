"""Forecasts whose error grows with the lead.

Let a = truth - climatology be the anomaly, w an independent anomaly of the same distribution, and rho the correlation
of forecast and truth at a lead. The forecast is climatology + rho^2 a + rho sqrt(1 - rho^2) w. Its correlation with the
truth is rho, and its error has the variance (1 - rho^2) var(a), the least possible at this correlation. At lead 0 there
is no error; far ahead the forecast is climatology. Each quantity has one w, so that forecasts agree from step to step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats


def forecast(truth: Floats, climatology: Floats, noise: Floats, rho: Floats) -> Floats:
    """Forecast of a quantity that cannot be negative.

    Args:
        truth: future values by lead, (L, R).
        climatology: expectation at that hour, (L, R).
        noise: a second anomaly of the same distribution, independent of the true one, (L, R).
        rho: correlation of forecast and truth by lead, (L,), 1 at lead 0.

    Returns:
        The forecast, (L, R), in the unit of `truth`.
    """
    by_lead = rho[:, None]
    anomaly = by_lead**2 * (truth - climatology) + by_lead * np.sqrt(1.0 - by_lead**2) * noise
    return np.maximum(0.0, climatology + anomaly)
