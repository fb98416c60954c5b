"""Further supply of a site: direct lines, green contracts, and sales to the grid."""

from __future__ import annotations

from pydantic import Field

from wattward.configs.schema.base import Config, NonNegative, PerHour, Share


class Direct(Config):
    """Plants at the other end of a private line, with the weather of the region.

    The site pays for the energy that it takes. The rest is curtailed.
    """

    sun_kw: NonNegative = 0.0
    wind_kw: NonNegative = 0.0
    price_per_kwh: float


class GreenContract(Config):
    """Aggregated green power delivered through the grid: `kw` x `shape_by_hour`, by hours of the scenario's clock.

    At least `take_share` of the delivered energy is paid for, whether it is used or not.
    """

    kw: NonNegative
    shape_by_hour: PerHour
    price_per_kwh: float
    take_share: Share = 0.0


class FeedIn(Config):
    """Surplus of the plants on site that the grid buys, up to a limit."""

    price_per_kwh: NonNegative
    most_kw: NonNegative = Field(description="highest power that the grid takes")


class Supply(Config):
    """Contracts of a region besides its tariff.

    Energy is used in this order: own plants, direct line, green contract, stores, grid.
    """

    direct: Direct | None = None
    contract: GreenContract | None = None
    feed_in: FeedIn | None = None
