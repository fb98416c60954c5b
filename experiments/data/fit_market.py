"""Fits market files to recorded prices: `python -m wattward.experiments.data.fit_market DATA`, or `make markets`.

Each recorded hourly price is replaced by the normal score of its rank. Means by month, by season and hour, and by hour
of weekends are subtracted in turn. The residual is divided by its spread by season and hour. The three parts that
`configs/schema/market.py` names are fitted to the autocorrelation of this residual. The distribution of the whole
latent is then known. Each of its quantiles is mapped to the recorded price of the same quantile.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wattward.configs.files import write_text
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.market import Market
from wattward.envs.model.types import Floats, Ints
from wattward.envs.world.processes.calendar import Clock, clock

KWH_PER_MWH = 1000.0
YUAN_PER_USD, BEIJING_UTC_OFFSET_H = 7.1, 8
LATENT: Floats = np.round(np.linspace(-4.0, 4.0, 81), 1)
"""Latent values at which a market's file gives the price."""
LAGS = np.arange(1, 73)
SATURDAY = 5
LONGEST_H = 1000.0
WEIGHTS: Floats = np.where((LAGS == 1) | (LAGS % 24 == 0), 0.3, 1.0)
"""Standard errors of the fit by lag. Lags of one hour and of whole days have more weight than the rest."""


SUSTAIN_CLUSTER = (
    "the zone's hourly prices of 2024 [USD/MWh] (HewlettPackard/sustain-cluster 293fbd1, market operators, B) at "
    f"{YUAN_PER_USD:g} yuan a US dollar, assumption"
)


@dataclass(frozen=True)
class Zone:
    """A recorded zone, and the scenarios for which its market is fitted.

    Attributes:
        name: Name of the market and its file.
        title: Place and year.
        file: The CSV file with the columns `utc` and `price_column`.
        utc_offset_h: The zone's standard time.
        scenario_utc_offset_h: The clock of the scenarios.
        exchange_rate: What a unit of the recorded currency is in the scenarios' currency.
        record: What the numbers are fitted to, for the file's `source`: year, unit, origin and exchange rate.
        price_column: Column of the recorded prices per MWh.
        late_h: Hours by which the recorded times are too late.
        remark: Known faults of the record.
    """

    name: str
    title: str
    file: str
    utc_offset_h: int
    scenario_utc_offset_h: int
    exchange_rate: float
    record: str
    price_column: str = "price_usd_mwh"
    late_h: int = 0
    remark: str = ""


ZONES = (
    Zone(
        "market-au-nsw",
        "New South Wales, 2024",
        "AU-NSW_2024.csv.gz",
        utc_offset_h=10,
        scenario_utc_offset_h=BEIJING_UTC_OFFSET_H,
        exchange_rate=YUAN_PER_USD,
        record=SUSTAIN_CLUSTER,
    ),
    Zone(
        "market-de-lu",
        "Germany and Luxembourg, 2024",
        "DE-LU_2024.csv.gz",
        utc_offset_h=1,
        scenario_utc_offset_h=BEIJING_UTC_OFFSET_H,
        exchange_rate=YUAN_PER_USD,
        record=SUSTAIN_CLUSTER,
    ),
    Zone(
        "market-sg",
        "Singapore, 2024",
        "SG_2024.csv.gz",
        utc_offset_h=8,
        scenario_utc_offset_h=BEIJING_UTC_OFFSET_H,
        exchange_rate=YUAN_PER_USD,
        record=SUSTAIN_CLUSTER,
    ),
    Zone(
        "market-us-cal-ciso",
        "California, 2024",
        "US-CAL-CISO_2024.csv.gz",
        utc_offset_h=-8,
        scenario_utc_offset_h=BEIJING_UTC_OFFSET_H,
        exchange_rate=YUAN_PER_USD,
        record=SUSTAIN_CLUSTER,
        late_h=7,
        remark=(
            "The recorded prices lie some 7 hours behind the zone's own carbon intensity (8 in winter, 6 to 7 in "
            "summer), as if turned from local time to UTC twice; they were moved 7 hours back, D."
        ),
    ),
    Zone(
        "market-us-tex-erco",
        "Texas, 2024",
        "US-TEX-ERCO_2024.csv.gz",
        utc_offset_h=-6,
        scenario_utc_offset_h=BEIJING_UTC_OFFSET_H,
        exchange_rate=YUAN_PER_USD,
        record=SUSTAIN_CLUSTER,
    ),
)


class Cells(NamedTuple):
    """Month, season, weekend and hour of each recorded hour, as indices from 0, shape (N,) each."""

    month: Ints
    season: Ints
    weekend: Ints
    hour: Ints


def recorded(zone: Zone, data: Path) -> tuple[Clock, Floats]:
    """Standard time and price [currency/kWh] of the zone in each recorded hour, shape (N,) each.

    Raises:
        ConfigError: a column or an hour is missing, or a price is not a finite number.
    """
    import pandas as pd

    path = data / zone.file
    table = pd.read_csv(path)
    for column in ("utc", zone.price_column):
        if column not in table:
            raise ConfigError(f"{path}: column {column!r} is missing; the columns are {', '.join(table.columns)}")
    times = pd.to_datetime(table["utc"], utc=True).dt.tz_localize(None)
    minutes = ((times - pd.Timestamp(0)) / pd.Timedelta(minutes=1)).to_numpy().astype(np.int64)
    price = table[zone.price_column].to_numpy(dtype=np.float64)
    if (np.diff(minutes) != 60).any() or not np.isfinite(price).all():
        raise ConfigError(f"{path}: {zone.price_column} must hold a number for every hour")
    return clock(minutes + 60 * (zone.utc_offset_h - zone.late_h)), price * zone.exchange_rate / KWH_PER_MWH


def fit(zone: Zone, when: Clock, price: Floats) -> Market:
    """Fits a market to a year of recorded prices.

    Args:
        zone: gives the market's name and source, and both offsets from UTC.
        when: standard time of each hour, shape (N,).
        price: price of each hour, shape (N,) [currency/kWh].
    """
    cells = Cells(when.month - 1, when.month % 12 // 3, (when.weekday >= SATURDAY).astype(int), when.hour.astype(int))
    score = _normal_scores(price)
    level = _means(score, cells.month, 12)
    shape = _means(score - level[cells.month], cells.season * 24 + cells.hour, 96).reshape(4, 24)
    left = score - level[cells.month] - shape[cells.season, cells.hour]
    weekend = _means(left, cells.weekend * 24 + cells.hour, 48).reshape(2, 24)
    shape, weekend_by_hour = shape + weekend[0], weekend[1] - weekend[0]
    usual = level[cells.month] + shape[cells.season, cells.hour] + weekend_by_hour[cells.hour] * cells.weekend
    spread = np.sqrt(_means((score - usual) ** 2, cells.season * 24 + cells.hour, 96)).reshape(4, 24)
    scale = spread[cells.season, cells.hour]
    memory = _memories((score - usual) / scale)
    knots = _price_at(LATENT, usual, scale, price)
    return Market(
        kind="market",
        name=zone.name,
        title=f"Market prices of {zone.title}",
        document="none; fitted to recorded hourly prices",
        source=_source(zone),
        clock_offset_h=zone.utc_offset_h - zone.scenario_utc_offset_h,
        floor_price_per_kwh=_rounded(price.min()),
        cap_price_per_kwh=_rounded(price.max()),
        mean_price_per_kwh=_rounded(_expected(knots, usual, scale)),
        level_by_month=_list(level),
        shape_by_season=tuple(_list(row) for row in shape),
        weekend_by_hour=_list(weekend_by_hour),
        spread_by_season=tuple(_list(row) for row in spread),
        slow_share=_rounded(memory.slow_share, 3),
        wave_share=_rounded(memory.wave_share, 3),
        slow_memory_h=_rounded(memory.slow_h, 1),
        fast_memory_h=_rounded(memory.fast_h, 2),
        smoothing_h=_rounded(memory.smoothing_h, 2),
        price_by_latent=tuple((float(x), _rounded(y)) for x, y in zip(LATENT, knots, strict=True)),
    )


def _normal_scores(values: Floats) -> Floats:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    result: Floats = ndtri((rankdata(values) - 0.5) / len(values))
    return result


def _means(values: Floats, cell: Ints, cells: int) -> Floats:
    count = np.bincount(cell, minlength=cells)
    result: Floats = np.bincount(cell, weights=values, minlength=cells) / np.maximum(count, 1)
    return result


class Memory(NamedTuple):
    """Parameters fitted to the autocorrelation of the residual."""

    slow_share: float
    wave_share: float
    slow_h: float
    fast_h: float
    smoothing_h: float


def _memories(left: Floats) -> Memory:
    from scipy.optimize import curve_fit

    centred = left - left.mean()
    found = [float((centred[:-lag] * centred[lag:]).mean() / centred.var()) for lag in LAGS]
    limits = ([0.0, 0.0, 24.0, 1.0, 0.1], [0.7, 0.3, LONGEST_H, 24.0, 0.99])
    best, _ = curve_fit(_correlation, LAGS, found, p0=(0.4, 0.1, 72.0, 6.0, 0.3), bounds=limits, sigma=WEIGHTS)
    slow, wave, slow_h, fast_h, ratio = (float(value) for value in best)
    return Memory(slow, wave, slow_h, fast_h, ratio * fast_h)


def _correlation(lag: Floats, slow: float, wave: float, slow_h: float, fast_h: float, ratio: float) -> Floats:
    """Autocorrelation of the sum of the three parts, (L,). The fast part is AR(2), smoothed by `ratio`."""
    a, b = np.exp(-1.0 / fast_h), np.exp(-1.0 / (ratio * fast_h))
    fast = (a ** (lag + 1) * (1 - b**2) - b ** (lag + 1) * (1 - a**2)) / ((a - b) * (1 + a * b))
    lasting = np.exp(-lag / slow_h) * (slow + wave * np.cos(2 * np.pi * lag / 24))
    result: Floats = lasting + (1 - slow - wave) * fast
    return result


def _price_at(latent: Floats, usual: Floats, scale: Floats, price: Floats) -> Floats:
    """Recorded price at the quantile of each latent value, shape (K,) [currency/kWh]."""
    from scipy.special import ndtr

    below = np.array([ndtr((x - usual) / scale).mean() for x in latent])
    result: Floats = np.quantile(price, below)
    return result


def _expected(knots: Floats, usual: Floats, scale: Floats) -> float:
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    each = np.interp(usual[:, None] + scale[:, None] * nodes, LATENT, knots)
    return float((each @ weights).mean() / weights.sum())


def _source(zone: Zone) -> str:
    return (
        "Letters: A two or more sources or an official text, B one source, D derived, assumption. All numbers D, "
        f"fitted to {zone.record}; floor and cap are the least and the greatest of the year. No grid fees, "
        f"taxes or demand charge are added, assumption. {zone.remark}"
    ).strip()


def _rounded(value: float, digits: int = 4) -> float:
    return round(float(value), digits)


def _list(values: Floats) -> tuple[float, ...]:
    return tuple(_rounded(value, 3) for value in values)


def as_yaml(market: Market) -> str:
    """The market as the text of its file."""
    import yaml

    class Flow(yaml.SafeDumper):
        """A dumper that writes each list of numbers on one line."""

    def row(dumper: yaml.SafeDumper, values: Any) -> yaml.Node:  # noqa: ANN401 - a list of whatever is in a row
        flat = all(isinstance(value, float) for value in values)
        return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)

    Flow.add_representer(list, row)
    data = market.model_dump(mode="json")
    return yaml.dump(data, Dumper=Flow, sort_keys=False, allow_unicode=True, width=126)


def main(data: Path, out: Path) -> None:
    """Writes the market file of every zone.

    Args:
        data: the folder that holds the zones' CSV files.
        out: the folder of the market files.
    """
    for zone in ZONES:
        text = as_yaml(fit(zone, *recorded(zone, data)))
        write_text(out / f"{zone.name}.yaml", text)


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "zones_2024", Path(__file__).resolve().parents[2] / "configs" / "tariffs")
