"""A published time-of-use tariff: bands by month and hour, holidays, demand charge, and its source document."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, Hours, Name, NonNegative


class Season(Config):
    """Bands of some months. Every hour of the day belongs to exactly one band."""

    months: tuple[Annotated[int, Field(ge=1, le=12)], ...]
    hours_by_band: dict[str, tuple[Hours, ...]]


MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", description="MM-DD")]


class Holiday(Config):
    """Days with other bands. Hours that are not named keep the band of the season.

    `dates` are single days; `every_year` are days of every year, such as 05-01.
    """

    dates: tuple[date, ...] = ()
    every_year: tuple[MonthDay, ...] = ()
    hours_by_band: dict[str, tuple[Hours, ...]]


class Tariff(Config):
    """One tariff file.

    `price_per_kwh` maps each band to the full price that the user pays. Prices may be negative.
    """

    name: Name
    title: str
    document: str
    effective_from: date | None = None
    source: str
    price_per_kwh: dict[str, float]
    seasons: tuple[Season, ...]
    holidays: tuple[Holiday, ...] = ()
    demand_charge_per_kw_month: NonNegative = 0.0

    @property
    def highest_price_per_kwh(self) -> float:
        """The highest price of any hour of the year."""
        return max(self._prices_in_use())

    @property
    def lowest_price_per_kwh(self) -> float:
        """The lowest price of any hour of the year; may be negative."""
        return min(self._prices_in_use())

    @property
    def mean_price_per_kwh(self) -> float:
        """The mean price over months and hours, without holidays."""
        total = 0.0
        for season in self.seasons:
            for band, spans in season.hours_by_band.items():
                hours = sum(end - first for first, end in spans)
                total += len(season.months) * hours * self.price_per_kwh[band]
        return total / (12 * 24)

    def _prices_in_use(self) -> list[float]:
        bands = {band for season in self.seasons for band in season.hours_by_band}
        bands |= {band for holiday in self.holidays for band in holiday.hours_by_band}
        return [self.price_per_kwh[band] for band in bands]

    @model_validator(mode="after")
    def _every_hour_once(self) -> Tariff:
        months = [month for season in self.seasons for month in season.months]
        if sorted(months) != list(range(1, 13)):
            raise ValueError(f"seasons must cover each month 1-12 exactly once, got {sorted(months)}")
        for season in self.seasons:
            self._check_bands(season.hours_by_band)
            hours = sorted(h for spans in season.hours_by_band.values() for a, b in spans for h in range(a, b))
            wrong = [h for h in range(24) if hours.count(h) != 1] + [h for h in hours if not 0 <= h < 24]
            if wrong:
                raise ValueError(
                    f"months {season.months}: hour {wrong[0]} is in {hours.count(wrong[0])} bands, must be in one"
                )
        for holiday in self.holidays:
            self._check_bands(holiday.hours_by_band)
            self._check_holiday_hours(holiday.hours_by_band)
        return self

    def _check_holiday_hours(self, hours_by_band: dict[str, tuple[Hours, ...]]) -> None:
        hours = sorted(h for spans in hours_by_band.values() for a, b in spans for h in range(a, b))
        wrong = [h for h in hours if not 0 <= h < 24 or hours.count(h) > 1]
        if wrong:
            raise ValueError(f"holidays: hour {wrong[0]} must be 0-23 and in one band, is in {hours.count(wrong[0])}")

    def _check_bands(self, hours_by_band: dict[str, tuple[Hours, ...]]) -> None:
        unknown = set(hours_by_band) - set(self.price_per_kwh)
        if unknown:
            raise ValueError(f"band {min(unknown)!r} has no price; priced bands are {sorted(self.price_per_kwh)}")
