"""Episode records survive on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from wattward.configs import ConfigError
from wattward.experiments.common import records

RECORDS: list[records.Record] = [
    {"method": "PPO", "train_seed": 0, "episode": 0, "score": 0.5, "total_cost": 10.0},
    {"method": "PeakOffset", "train_seed": None, "episode": 0, "score": None, "total_cost": 12.5},
]


@pytest.mark.parametrize("name", ["episodes.parquet", "episodes.json"])
def test_records_survive_the_way_to_disk_and_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / "deep" / name
    records.write_records(path, RECORDS)
    table = pd.read_parquet(path) if name.endswith("parquet") else pd.read_json(path)
    assert list(table["method"]) == ["PPO", "PeakOffset"]
    assert table["train_seed"].isna().tolist() == [False, True]
    assert table["total_cost"].tolist() == [10.0, 12.5]


def test_other_suffixes_are_refused_before_any_work() -> None:
    with pytest.raises(ConfigError, match=r"\.csv.*\.parquet or \.json"):
        records.check_suffix(Path("episodes.csv"))
