"""Random time-of-use tariffs in the form of published ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattward.configs.schema.tariff import Season, Tariff

WINTER_AND_SUMMER, REST = (1, 7, 8, 12), (2, 3, 4, 5, 6, 9, 10, 11)
VALLEY, FLAT, PEAK, SHARP = "valley", "flat", "peak", "sharp"


def random_tariff(rng: np.random.Generator, name: str) -> Tariff:
    """A tariff with a night valley and an evening peak, and perhaps a noon valley and a morning peak.

    Half of the tariffs have sharp hours within the evening peak of January, July, August and December.
    """
    flat = rng.uniform(0.3, 0.75)
    peak = flat * rng.uniform(1.3, 1.9)
    price = {VALLEY: flat * rng.uniform(0.25, 0.65), FLAT: flat, PEAK: peak, SHARP: peak * rng.uniform(1.05, 1.25)}
    hours = _hours(rng)
    sharp = list(hours)
    if rng.random() < 0.5:
        evening = [hour for hour in range(16, 24) if hours[hour] == PEAK]
        for hour in evening[: int(rng.integers(1, 3))]:
            sharp[hour] = SHARP
    values: dict[str, Any] = {
        "name": name,
        "title": "drawn at random",
        "document": "none",
        "source": "drawn; ranges are assumptions",
        "price_per_kwh": {band: round(float(value), 4) for band, value in price.items()},
        "seasons": (_season(REST, hours), _season(WINTER_AND_SUMMER, sharp)),
        "demand_charge_per_kw_month": round(float(rng.uniform(0.0, 40.0)), 1),
    }
    return Tariff.model_validate(values)


def _hours(rng: np.random.Generator) -> list[str]:
    """The band of each hour of the day."""
    bands = [FLAT] * 24
    night = int(rng.integers(22, 26))
    for hour in range(night, night + int(rng.integers(6, 10))):
        bands[hour % 24] = VALLEY
    if rng.random() < 0.5:
        noon = int(rng.integers(10, 14))
        for hour in range(noon, noon + int(rng.integers(2, 5))):
            bands[hour] = VALLEY
    if rng.random() < 0.5:
        morning = int(rng.integers(8, 10))
        _fill(bands, morning, morning + int(rng.integers(2, 4)))
    evening = int(rng.integers(16, 19))
    _fill(bands, evening, evening + int(rng.integers(3, 6)))
    return bands


def _fill(bands: list[str], first: int, last: int) -> None:
    for hour in range(first, min(24, last)):
        if bands[hour] == FLAT:
            bands[hour] = PEAK


def _season(months: tuple[int, ...], bands: list[str]) -> Season:
    present = dict.fromkeys(bands)
    spans = {band: [(hour, hour + 1) for hour in range(24) if bands[hour] == band] for band in present}
    return Season.model_validate({"months": months, "hours_by_band": spans})
