"""Files appear whole or not at all; digests name content."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from wattward.configs import ConfigError
from wattward.experiments.common import records

RECORDS: list[records.Record] = [
    {"method": "PPO", "train_seed": 0, "episode": 0, "score": 0.5, "total_cost": 10.0},
    {"method": "PeakOffset", "train_seed": None, "episode": 0, "score": None, "total_cost": 12.5},
]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    records.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        records.write_json(path, {"a": object()})
    with pytest.raises(RuntimeError, match="halfway"), records.replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise RuntimeError("halfway")
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]
    assert records.read_json(path) == {"a": 1}


def test_json_holds_null_where_a_number_is_not_finite(tmp_path: Path) -> None:
    records.write_json(tmp_path / "x.json", {"rows": [{"a": float("nan"), "b": (1.5, float("inf"))}]})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"rows": [{"a": None, "b": [1.5, None]}]}


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


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        records.write_json(tmp_path / "file" / "below.json", {})


@pytest.mark.parametrize("content", [None, "", '{"a": 1'])
def test_what_is_absent_or_cut_short_reads_as_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content, encoding="utf-8")
    assert records.read_json(tmp_path / "x.json") is None


def test_digests_tell_content_apart_and_where_it_is_cut() -> None:
    assert records.digest("a", 1) == records.digest("a", 1)
    assert (
        len({records.digest(*parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), (b"abc",), ({"abc": 1},))}) == 5
    )


def test_a_folder_is_named_by_its_files_not_by_its_path(tmp_path: Path) -> None:
    for name in ("one", "two", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(b"1" if name == "other" else b"0")
    one, two, other = (records.folder_digest(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two != other


def test_provenance_says_how_to_make_a_result_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/wattward", "leaderboard", "quick"])
    made = records.provenance(suite="quick")
    assert made["command"] == "wattward leaderboard quick"
    assert made["suite"] == "quick"
    assert made["code"] == records.code_digest()
    assert records.code_digest(learned=False) != records.code_digest()
    packages = made["packages"]
    assert isinstance(packages, dict)
    assert packages["numpy"]
    assert str(records.PACKAGE) not in json.dumps(made)
