"""Forecasts whose error grows with the lead.

With a = truth - climatology (the anomaly) and w an independent anomaly of the same law, the forecast at a lead where
forecast and truth correlate by rho is climatology + rho^2 a + rho sqrt(1 - rho^2) w. Its correlation with the truth is
rho and its error's variance (1 - rho^2) var(a), the least any forecast of that correlation can have: no error at lead
0, climatology far ahead. One w a quantity keeps forecasts consistent from step to step.
"""

from __future__ import annotations

import numpy as np

from wattward.envs.model.types import Floats


def forecast(truth: Floats, climatology: Floats, noise: Floats, rho: Floats) -> Floats:
    """The forecast of a quantity that cannot be negative.

    Args:
        truth: what will be, by lead, (L, R).
        climatology: its expectation at that hour, (L, R).
        noise: a second anomaly of the same law, independent of the true one, (L, R).
        rho: correlation of forecast and truth by lead, (L,), 1 at lead 0.

    Returns:
        The forecast, (L, R), in the unit of `truth`.
    """
    by_lead = rho[:, None]
    anomaly = by_lead**2 * (truth - climatology) + by_lead * np.sqrt(1.0 - by_lead**2) * noise
    return np.maximum(0.0, climatology + anomaly)
