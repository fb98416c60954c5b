"""Episode records and how they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wattward.configs.files import replacing, write_json
from wattward.configs.schema.base import ConfigError

if TYPE_CHECKING:
    import pandas as pd

Value = str | int | float | None
Record = dict[str, Value]
"""One episode of one method: its settings, costs and amounts of work."""
RECORDED = " (recorded)"
"""Suffix of a ranking over recorded worlds, where drawn worlds of the same scenario may have one too."""
BEST_KNOWN_COST = "best_known_cost"
"""Key that records have where the cost of the best known schedule of their episode was computed."""
FAILURE = "failure"
"""Key that only records of failed episodes have: why the method failed. Such records have no score and no costs."""


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Writes episode records as parquet or JSON, by the suffix of `path`. The file is written atomically."""
    if check_suffix(path) == ".json":
        write_json(path, list(records))
        return
    with replacing(path) as temporary:
        frame(records).to_parquet(temporary, index=False)


def check_suffix(path: Path) -> str:
    """The suffix of a records file.

    Raises:
        ConfigError: the suffix is neither .parquet nor .json.
    """
    if path.suffix not in {".parquet", ".json"}:
        raise ConfigError(f"{path}: suffix {path.suffix!r}: must be .parquet or .json")
    return path.suffix


def frame(records: Sequence[Record]) -> pd.DataFrame:
    """Records as a table, one row for each episode."""
    import pandas as pd

    table = pd.DataFrame.from_records(list(records))
    table["train_seed"] = table["train_seed"].astype("Int64")
    return table
