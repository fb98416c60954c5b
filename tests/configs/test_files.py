"""Files and folders appear whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattward.configs import ConfigError, files


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    with pytest.raises(RuntimeError, match="halfway"), files.replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise RuntimeError("halfway")
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]
    assert files.read_json(path) == {"a": 1}


def test_json_holds_null_where_a_number_is_not_finite(tmp_path: Path) -> None:
    files.write_json(tmp_path / "x.json", {"rows": [{"a": float("nan"), "b": (1.5, float("inf"))}]})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"rows": [{"a": None, "b": [1.5, None]}]}


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        files.write_json(tmp_path / "file" / "below.json", {})


@pytest.mark.parametrize("content", [None, "", '{"a": 1'])
def test_what_is_absent_or_cut_short_reads_as_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content, encoding="utf-8")
    assert files.read_json(tmp_path / "x.json") is None


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    for content in ("old", "new"):
        with files.replacing_folder(folder) as fresh:
            (fresh / content).write_text(content, encoding="utf-8")
    assert [path.name for path in folder.iterdir()] == ["new"]
    with pytest.raises(RuntimeError, match="halfway"), files.replacing_folder(folder) as fresh:
        (fresh / "half").write_text("half", encoding="utf-8")
        raise RuntimeError("halfway")
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_what_cannot_take_the_place_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kept").touch()
    with pytest.raises(FileNotFoundError):
        files.swap_in(tmp_path / "missing", tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run" / "kept").is_file()
