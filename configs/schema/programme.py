"""What others ask of a site: grid operators that power be cut for some hours, rules that power be green."""

from __future__ import annotations

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, Hours, NonNegative, Positive, Share


class GridEvents(Config):
    """Requests to cut a region's grid power, announced ahead, at random times; at most one a day and region.

    A request asks for `cut_share` of the baseline. Every kWh by which grid power stays below the baseline, up to the
    cut, is paid `pay_per_kwh`; every kWh of the cut that is missing costs `penalty_per_kwh`.
    """

    regions: tuple[str, ...] = Field(min_length=1)
    chance_per_day: Share = 0.3
    hours: Positive = 2.0
    between_hours: Hours = (8, 22)
    notice_h: NonNegative = 1.0
    cut_share: Share = 0.5
    baseline_kw: Positive | None = Field(
        None, description="what a region is held against; the expected grid power of work run on arrival by default"
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
    """Limits that are reported for each episode and, in every step, as `info["cost"]`; shortfall of green is priced.

    `green_share_min` is the share of a site's power, over the episode, that must come from its own plants, direct lines
    and green contracts. The rest up to it costs `shortfall_price_per_kwh` when the episode ends.
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
