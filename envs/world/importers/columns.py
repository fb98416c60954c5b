"""Finds columns of CSV files by their names and reads them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from wattward.configs.schema.base import ConfigError
from wattward.envs.world.series import FIRST_DATA_LINE

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats

MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}


def read_csv(path: Path) -> pd.DataFrame:
    """Reads a CSV file, compressed or not, as texts.

    Raises:
        ConfigError: the file does not exist, is no CSV or has no rows.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # pandas would cut rows that are too long
            table = pd.read_csv(
                path, dtype=str, keep_default_na=False, index_col=False, skipinitialspace=True, encoding="utf-8-sig"
            )
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except pd.errors.ParserWarning as error:
        raise ConfigError(f"{path}: not readable as CSV: its rows have more cells than its header") from error
    except (OSError, EOFError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ConfigError(f"{path}: not readable as CSV: {error}") from error
    if table.empty:
        raise ConfigError(f"{path}: holds no rows")
    return table


def pick(path: Path, header: Sequence[str], named: str | None, patterns: Sequence[str], flag: str) -> str:
    """The column that the user named, or the first that matches a pattern; earlier patterns take precedence.

    Raises:
        ConfigError: no column fits; the message lists the columns and the option that names one.
    """
    if named is not None:
        if named in header:
            return named
        raise ConfigError(f"{path}: {flag} = {named!r}: no such column; it has {', '.join(header)}")
    for pattern in patterns:
        for column in header:
            if re.search(pattern, column, re.IGNORECASE):
                return column
    raise ConfigError(f"{path}: {flag} must name a column; it has {', '.join(header)}")


def numbers(path: Path, texts: pd.Series[str], low: float, high: float, unit: str) -> Floats:
    """Values of a column, shape (N,); NaN for empty cells.

    Raises:
        ConfigError: a text is not a number, or the number is outside `low` to `high`.
    """
    values = pd.to_numeric(texts.str.strip(), errors="coerce").to_numpy(dtype=np.float64)
    empty = texts.str.strip().str.lower().isin(MISSING).to_numpy()
    wrong = np.flatnonzero(~empty & ~((values >= low) & (values <= high)))
    if len(wrong):
        at = f"{path}, line {wrong[0] + FIRST_DATA_LINE}: {texts.name} = {texts.iloc[wrong[0]]!r}"
        raise ConfigError(f"{at}: must be a number from {low:g} to {high:g} {unit}")
    return values
