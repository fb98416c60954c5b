"""What else than its own plants and the tariff supplies a site: direct lines, green contracts, and feeding in."""

from __future__ import annotations

from pydantic import Field

from wattward.configs.schema.base import Config, NonNegative, PerHour, Share


class Direct(Config):
    """Plants at the other end of a private line, under the region's own weather; paid for what is taken.

    What is not taken is curtailed.
    """

    sun_kw: NonNegative = 0.0
    wind_kw: NonNegative = 0.0
    price_per_kwh: float


class GreenContract(Config):
    """Aggregated green power through the grid: `kw` x `shape_by_hour` in every hour of the day, Beijing time.

    At least `take_share` of what is delivered is paid for, taken or not.
    """

    kw: NonNegative
    shape_by_hour: PerHour
    price_per_kwh: float
    take_share: Share = 0.0


class FeedIn(Config):
    """Surplus of the plants on site that the grid buys, up to a limit."""

    price_per_kwh: NonNegative
    most_kw: NonNegative = Field(description="what the grid takes at most")


class Supply(Config):
    """Contracts of a region besides its tariff. Order: own plants, direct line, green contract, stores, grid."""

    direct: Direct | None = None
    contract: GreenContract | None = None
    feed_in: FeedIn | None = None
