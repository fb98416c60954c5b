"""Carbon intensity of each region's grid. Fossil plants supply what sun and wind do not supply in that hour.

intensity = fossil x (1 - share),
share = mean share + sun_share x (sun / mean sun - 1) + wind_share x (wind / mean wind - 1),
where sun and wind are capacity factors of the region's grid. The mean share follows from the published annual factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.envs.world.processes.gaussian import Drawn

if TYPE_CHECKING:
    from wattward.configs.schema.region import Region
    from wattward.envs.model.types import Floats


class Grids(NamedTuple):
    """Parameters of the grids of R regions."""

    mean_kg_per_kwh: Floats  # (R,)
    fossil_kg_per_kwh: Floats  # (R,)
    sun_share: Floats  # (R,) of a year's energy
    wind_share: Floats  # (R,)
    mean_sun: Floats  # (R,) capacity factor, 0 where there is none
    mean_wind: Floats  # (R,)
    per_sun: Floats  # (R,) mean_sun as a divisor, infinite where it is 0
    per_wind: Floats  # (R,)


def grids_of(regions: tuple[Region, ...], means: Sequence[tuple[float, float]]) -> Grids:
    """Grids of regions with `means` of the capacity factors of sun and wind."""
    carbons, mean = [region.carbon for region in regions], np.array(means).T
    return Grids(
        np.array([carbon.mean_kg_per_kwh for carbon in carbons]),
        np.array([carbon.fossil_kg_per_kwh for carbon in carbons]),
        np.array([carbon.sun_share for carbon in carbons]),
        np.array([carbon.wind_share for carbon in carbons]),
        *mean,
        *np.where(mean > 0, mean, np.inf),
    )


def intensity(grids: Grids, sun: Floats, wind: Floats) -> Floats:
    """Carbon intensity from capacity factors, shape (N, R) [kg/kWh]; never negative.

    Where the factors have the grids' means, its mean is the published factor.
    """
    swing = swings(grids, sun - grids.mean_sun, wind - grids.mean_wind)
    return np.maximum(0.0, grids.mean_kg_per_kwh + swing)


def swings(grids: Grids, sun: Floats, wind: Floats) -> Floats:
    """Change of intensity by anomalies of the capacity factors, shape (N, R) [kg/kWh]."""
    by_sun = grids.sun_share * sun / grids.per_sun
    by_wind = grids.wind_share * wind / grids.per_wind
    result: Floats = -grids.fossil_kg_per_kwh * (by_sun + by_wind)
    return result


def carbon_of(grids: Grids, sun_factor: Drawn, wind_factor: Drawn) -> Drawn:
    """Carbon intensity that follows from capacity factors, three (N, R) arrays [kg/kWh]."""
    return Drawn(
        truth=intensity(grids, sun_factor.truth, wind_factor.truth),
        climatology=intensity(grids, sun_factor.climatology, wind_factor.climatology),
        noise=swings(grids, sun_factor.noise, wind_factor.noise),
    )
