"""Prices of a power market, converted to the scenario's currency per kWh. Prices may be negative."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.locale import CURRENCY, ISO_4217
from wattward.envs.world.importers.columns import pick, read_csv
from wattward.envs.world.importers.market import read_columns
from wattward.envs.world.importers.options import Imported, Measured, Options
from wattward.envs.world.importers.store import file_facts
from wattward.envs.world.tidy import PRICE, UNITS

OPTIONS = frozenset(
    {"zone", "fill", "time_column", "time_format", "value_columns", "currency", "per", "into", "exchange_rate"}
)
PRICE_PATTERNS = (r"price", r"/ ?[mk]wh")
KWH = {"kWh": 1.0, "MWh": 1000.0}
MOST_PER_KWH = 1000.0
"""A price beyond this is refused, because its unit is probably wrong. Price caps of markets are far below it."""
CURRENCIES = r"(?<![A-Z])(CNY|EUR|USD|GBP|AUD|SGD|JPY|KRW|INR|CAD|CHF|DKK|NOK|SEK|PLN|BRL|NZD)(?![A-Z])"


def read(files: list[Path], options: Options) -> Imported:
    """Reads prices of one region, per kWh in the currency that `options.into` names.

    Raises:
        ConfigError: the currency, unit or exchange rate is unknown, a time or value cannot be used, or there are gaps.
    """
    options.allow("prices", OPTIONS)
    seen: set[tuple[str, str]] = set()

    def wanted(path: Path, header: list[str]) -> list[tuple[str, float, float, str]]:
        named = options.value_columns[0] if options.value_columns else None
        column = pick(path, header, named, PRICE_PATTERNS, "--value-column")
        currency, per = _currency(path, header, column, options), _per(path, column, options)
        seen.add((currency, per))
        most = MOST_PER_KWH * KWH[per]
        return [(column, -most, most, f"{currency}/{per}")]

    found = read_columns(files, options, wanted)
    if len(seen) > 1:
        raise ConfigError(f"{', '.join(map(str, files))}: are in {sorted(seen)}; must be in one currency and unit")
    currency, per = seen.pop()
    into = (options.into or CURRENCY).upper()
    rate = _rate(currency, into, options.exchange_rate)
    values = found.grid.values[:, 0] * rate / KWH[per]
    facts = {
        "kind": "prices",
        "region": options.region,
        "sources": [file_facts(path) for path in files],
        **found.facts,
        "unit_in_file": f"{currency}/{per}",
        "currency": into,
        "exchange_rate": rate,
        "fill": options.fill,
    }
    unit = UNITS[PRICE].format(currency=into)
    return Imported(options.region, [Measured(PRICE, unit, found.grid.times, values)], facts)


def _currency(path: Path, header: list[str], column: str, options: Options) -> str:
    """The currency from the option, else from a currency column, else from the name of the price column."""
    if options.currency is not None:
        return options.currency.upper()
    own = [name for name in header if name.strip().lower() == "currency"]
    if own:
        held = sorted(set(read_csv(path)[own[0]].str.strip().str.upper()))
        if len(held) > 1:
            raise ConfigError(f"{path}: {own[0]} holds {', '.join(held)}; must hold one currency")
        return held[0]
    match = re.search(CURRENCIES, column.upper().replace("_", " "))
    if match is None:
        raise ConfigError(f"{path}: {column!r} does not name its currency; --currency must, as CNY or EUR")
    return match.group(1)


def _per(path: Path, column: str, options: Options) -> str:
    if options.per is not None:
        if options.per not in KWH:
            raise ConfigError(f"--per = {options.per!r}: must be one of {', '.join(KWH)}")
        return options.per
    found = [unit for unit in KWH if unit.lower() in column.lower()]
    if len(found) != 1:
        raise ConfigError(f"{path}: {column!r} does not say whether it is per kWh or MWh; --per must")
    return found[0]


def _rate(currency: str, into: str, rate: float | None) -> float:
    """Value of one unit of `currency` in `into`."""
    if into not in ISO_4217:
        raise ConfigError(f"--into = {into!r}: must be an ISO 4217 code such as CNY, EUR or USD")
    if currency == into:
        if rate is not None and rate != 1.0:
            raise ConfigError(f"--exchange-rate = {rate:g}: must be 1 or left out for prices in {into}")
        return 1.0
    if rate is None or not 0 < rate < np.inf:
        raise ConfigError(f"--exchange-rate = {rate}: must say how many {into} one {currency} is")
    return rate
