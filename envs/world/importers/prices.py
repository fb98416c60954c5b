"""Prices of a power market, which may be negative, to yuan per kWh."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.envs.world.importers.columns import pick, read_csv
from wattward.envs.world.importers.market import read_columns
from wattward.envs.world.importers.options import Imported, Measured, Options
from wattward.envs.world.importers.store import file_facts

OPTIONS = frozenset({"zone", "fill", "time_column", "time_format", "value_columns", "currency", "per", "exchange_rate"})
PRICE_PATTERNS = (r"price", r"/ ?[mk]wh")
SERIES, UNIT, OWN = "price_per_kwh", "yuan/kWh", "CNY"
KWH = {"kWh": 1.0, "MWh": 1000.0}
MOST_PER_KWH = 1000.0
"""A price beyond this is taken for a wrong unit; the dearest markets are capped near 15 (yuan or less) a kWh."""
CURRENCIES = r"(?<![A-Z])(CNY|EUR|USD|GBP|AUD|SGD|JPY|KRW|INR|CAD|CHF|DKK|NOK|SEK|PLN|BRL|NZD)(?![A-Z])"


def read(files: list[Path], options: Options) -> Imported:
    """Prices of one region [yuan/kWh].

    Raises:
        ConfigError: currency, unit or exchange rate are not known, a time or value cannot be used, or there are gaps.
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
    rate = _rate(currency, options)
    values = found.grid.values[:, 0] * rate / KWH[per]
    facts = {
        "kind": "prices",
        "region": options.region,
        "sources": [file_facts(path) for path in files],
        **found.facts,
        "unit_in_file": f"{currency}/{per}",
        "exchange_rate": rate,
        "fill": options.fill,
    }
    return Imported(options.region, [Measured(SERIES, UNIT, found.grid.times, values)], facts)


def _currency(path: Path, header: list[str], column: str, options: Options) -> str:
    """The option's, else a currency column's, else the one that the price column's name holds."""
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


def _rate(currency: str, options: Options) -> float:
    rate = options.exchange_rate
    if currency == OWN:
        if rate is not None and rate != 1.0:
            raise ConfigError(f"--yuan-per-unit = {rate:g}: must be 1 or left out for prices in {OWN}")
        return 1.0
    if rate is None or not 0 < rate < np.inf:
        raise ConfigError(f"--yuan-per-unit = {rate}: must say how many yuan one {currency} is")
    return rate
