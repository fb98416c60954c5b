"""Carbon intensity of each region's grid: fossil power times what sun and wind of the hour leave to it.

intensity = fossil x (1 - share),
share = mean share + sun_share x (sun / mean sun - 1) + wind_share x (wind / mean wind - 1),
with capacity factors of the region's grid. The mean share is the one that the published annual factor implies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wattward.configs.region_schema import Carbon, Region
from wattward.configs.scenario_schema import Scenario
from wattward.envs.processes.calendar import position_in_year
from wattward.envs.processes.gaussian import Drawn
from wattward.envs.processes.sun import mean_sun_factor
from wattward.envs.processes.wind import mean_wind_factor
from wattward.envs.types import Floats


def intensity(carbon: Carbon, sun: Floats, wind: Floats, mean_sun: float, mean_wind: float) -> Floats:
    """Carbon intensity from capacity factors of any one shape [kg/kWh]; never negative.

    Its mean over a period in which the factors average `mean_sun` and `mean_wind` is the published factor.
    """
    swing = swings(carbon, sun - mean_sun, wind - mean_wind, mean_sun, mean_wind)
    return np.maximum(0.0, carbon.mean_kg_per_kwh + swing)


def swings(carbon: Carbon, sun: Floats, wind: Floats, mean_sun: float, mean_wind: float) -> Floats:
    """Change of intensity that anomalies of the capacity factors make, same shape [kg/kWh]."""
    by_sun = carbon.sun_share * sun / mean_sun if mean_sun > 0 else 0.0 * sun
    by_wind = carbon.wind_share * wind / mean_wind if mean_wind > 0 else 0.0 * wind
    result: Floats = -carbon.fossil_kg_per_kwh * (by_sun + by_wind)
    return result


def draw_carbon(
    regions: tuple[Region, ...], scenario: Scenario, start_minute: int, sun_factor: Drawn, wind_factor: Drawn
) -> Drawn:
    """Carbon intensity that follows from drawn capacity factors, three (N, R) arrays [kg/kWh].

    Args:
        regions: the regions.
        scenario: gives the step.
        start_minute: Beijing minutes since 1970-01-01.
        sun_factor: of `draw_sun_factor`.
        wind_factor: of `draw_wind_factor`.
    """
    year, _ = position_in_year(start_minute, 1, scenario.step_minutes)
    means = [(mean_sun_factor(region, year, scenario.step_minutes), mean_wind_factor(region)) for region in regions]
    return carbon_of(regions, means, sun_factor, wind_factor)


def carbon_of(
    regions: tuple[Region, ...], means: Sequence[tuple[float, float]], sun_factor: Drawn, wind_factor: Drawn
) -> Drawn:
    """Carbon intensity that follows from capacity factors, three (N, R) arrays [kg/kWh].

    Args:
        regions: the regions.
        means: each region's mean capacity factors of sun and wind.
        sun_factor: capacity factors of sun.
        wind_factor: capacity factors of wind.
    """
    columns = []
    for r, region in enumerate(regions):
        truth, usual = (
            intensity(region.carbon, sun[:, r], wind[:, r], *means[r])
            for sun, wind in ((sun_factor.truth, wind_factor.truth), (sun_factor.usual, wind_factor.usual))
        )
        noise = swings(region.carbon, sun_factor.noise[:, r], wind_factor.noise[:, r], *means[r])
        columns.append((truth, usual, noise))
    return Drawn(*(np.stack(part, axis=1) for part in zip(*columns, strict=True)))
