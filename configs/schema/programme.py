"""Demands on a site: power cuts requested by the grid operator, and limits such as a least green share."""

from __future__ import annotations

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, Hours, NonNegative, Positive, Share


class GridEvents(Config):
    """Requests to cut a region's grid power, at random times and announced ahead; at most one per day in each region.

    A request asks for a cut of `cut_share` of the baseline. Every kWh below the baseline earns `pay_per_kwh`, up to the
    cut. Every missing kWh of the cut costs `penalty_per_kwh`.
    """

    regions: tuple[str, ...] = Field(min_length=1)
    chance_per_day: Share = 0.3
    hours: Positive = 2.0
    between_hours: Hours = (8, 22)
    notice_h: NonNegative = 1.0
    cut_share: Share = 0.5
    baseline_kw: Positive | None = Field(
        None, description="reference power of each region; by default the expected grid power when work runs on arrival"
    )
    pay_per_kwh: NonNegative
    penalty_per_kwh: NonNegative

    @model_validator(mode="after")
    def _fits_a_day(self) -> GridEvents:
        first, last = self.between_hours
        if not 0 <= first < last <= 24 or self.hours > last - first:
            raise ValueError(f"between_hours [{first}, {last}] must lie within 0-24 and hold hours = {self.hours:g}")
        return self


class Constraints(Config):
    """Limits that are reported for each episode and, at every step, as `info["cost"]`.

    `green_share_min` is the least share of a site's energy over the episode that must come from its own plants, direct
    lines and green contracts. Each missing kWh costs `shortfall_price_per_kwh` at the end of the episode.
    """

    green_share_min: Share | None = None
    shortfall_price_per_kwh: NonNegative = 0.0
    late: bool = Field(False, description="work that misses its deadline counts as a cost")
    band: bool = Field(False, description="regions out of the utilisation band count as a cost")

    @model_validator(mode="after")
    def _one_at_least(self) -> Constraints:
        if self.green_share_min is None and not self.late and not self.band:
            raise ValueError("one of green_share_min, late and band must be given")
        if self.green_share_min is None and self.shortfall_price_per_kwh > 0:
            raise ValueError("shortfall_price_per_kwh needs green_share_min")
        return self
