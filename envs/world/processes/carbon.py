"""Carbon intensity of each region's grid. Fossil plants supply what sun and wind do not supply in that hour.

intensity = fossil x (1 - share),
share = mean share + sun_share x (sun / mean sun - 1) + wind_share x (wind / mean wind - 1),
where sun and wind are capacity factors of the region's grid. The mean share follows from the published annual factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

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
    constant, per_sun, per_wind = by_factor(grids)
    return np.maximum(0.0, constant + per_sun * sun + per_wind * wind)


def by_factor(grids: Grids) -> Floats:
    """Carbon intensity as a constant plus its changes with the capacity factors of sun and wind, shape (3, R)."""
    per_sun = -grids.fossil_kg_per_kwh * grids.sun_share / grids.per_sun
    per_wind = -grids.fossil_kg_per_kwh * grids.wind_share / grids.per_wind
    return np.stack([grids.mean_kg_per_kwh - per_sun * grids.mean_sun - per_wind * grids.mean_wind, per_sun, per_wind])
