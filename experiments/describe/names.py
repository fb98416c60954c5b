"""Turns fields of a scenario into words: units from their names, daily curves as bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

UNITS = {
    **{unit: unit for unit in ("usd", "deg", "days", "day", "month", "year", "minutes", "h", "s", "m", "km")},
    **{unit: unit for unit in ("kg", "g", "share", "tonne", "token", "mtok", "per")},
    **{"kw": "kW", "mw": "MW", "kwh": "kWh", "mwh": "MWh", "gpu": "GPU", "gpus": "GPUs", "gb": "GB", "c": "°C"},
}
"""Units by the last words of a name."""
MONEY = {"charge", "cost", "pay", "penalty", "premium", "price"}
"""Words that mark an amount per unit as money."""
NOT_FIRST = {"day", "month", "year", "token", "share"}
"""Words that are units only after another unit: `calendar_year` is not a number of years."""
BARS = "▁▂▃▄▅▆▇█"
LONGEST_LIST = 8


def leaves(part: object, name: str = "") -> Iterator[tuple[str, object]]:
    """All fields below `part` with dotted names, through models, mappings and lists of models. Nulls are left out."""
    if isinstance(part, BaseModel):
        pairs: list[tuple[str, object]] = [(key, getattr(part, key)) for key in type(part).model_fields]
    elif isinstance(part, Mapping):
        pairs = [(str(key), value) for key, value in part.items()]
    elif isinstance(part, tuple | list) and part and isinstance(part[0], BaseModel):
        pairs = list(zip(_labels(part), part, strict=True))
    else:
        if part is not None and part not in ((), []):
            yield name, part
        return
    for key, value in pairs:
        yield from leaves(value, f"{name}.{key}" if name else key)


def _labels(parts: Sequence[object]) -> list[str]:
    """The names of a list's entries. Entries without names have their kind, with a number if a kind occurs twice."""
    kinds = [str(getattr(one, "name", getattr(one, "kind", "entry"))) for one in parts]
    again = (f"{kind}-{kinds[:place].count(kind) + 1}" for place, kind in enumerate(kinds))
    return [kind if kinds.count(kind) == 1 else numbered for kind, numbered in zip(kinds, again, strict=True)]


def words(name: str, currency: str = "") -> tuple[str, str]:
    """The last part of a dotted name as words, and its unit: `fleet.gpu_idle_kw` is ("gpu idle", "kW")."""
    tokens = name.split(".")[-1].split("_")
    units = (i for i in range(1, len(tokens)) if tokens[i] not in NOT_FIRST and UNITS.keys() >= set(tokens[i:]))
    first = next(units, len(tokens))
    unit = " ".join(UNITS[token] for token in tokens[first:]).replace(" per ", "/").replace("GPU h", "GPU-h")
    unit = unit.replace("per ", "/")
    is_money = unit.startswith("/") and tokens[first - 1] in MONEY
    return " ".join(tokens[:first]), f"{currency}{unit}" if is_money else unit


def shown(value: object) -> str:
    """A value as a short text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, tuple | list):
        return _shown_list(value)
    return " ".join(str(value).split())


def number(value: float) -> str:
    """A number to four digits: 0.6803, 90, 1250, 12,500."""
    return f"{value:.4g}" if abs(value) < 9999.5 else f"{value:,.0f}"


def short(value: float) -> str:
    """A number in five characters, to three digits: 0.68, 90, 1250, 12.5k."""
    for least, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= least * 0.99995:
            scaled = value / (1000.0 if name == "k" else least)
            return f"{scaled:.3g}{name}" if abs(scaled) < 999.5 else f"{scaled:.0f}{name}"
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def _shown_list(values: Any) -> str:  # noqa: ANN401 - a tuple of whatever a file holds
    numbers = all(isinstance(value, int | float) for value in values)
    if not numbers or len(values) <= LONGEST_LIST:
        return ", ".join(shown(value) for value in values)
    low, high = min(values), max(values)
    return f"always {number(low)}" if low == high else f"{bars(values)} {number(low)} to {number(high)}"


def bars(values: Any) -> str:  # noqa: ANN401 - any numbers in order
    """Numbers as a row of bars between the lowest and the highest."""
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in values)
