"""Tables made again from published episodes, without playing one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from wattward.configs import ConfigError
from wattward.configs.digests import sha256_of_file
from wattward.experiments.cli import main as cli
from wattward.experiments.leaderboard import contents
from wattward.experiments.leaderboard.reproduce import reproduce
from wattward.experiments.leaderboard.summarise import summarise


def wattward(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def results(small_results: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_results, tmp_path / "results"))


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit_json(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def test_old_tables_are_made_again_and_what_played_the_episodes_is_still_named(results: Path) -> None:
    before = bytes_in(results)
    for name in ("leaderboard.json", "profiles.json", "ranks.json", "leaderboard.md", "leaderboard.png"):
        (results / name).write_text("[]", encoding="utf-8")
    (results / "versus-Random.json").write_text("[]", encoding="utf-8")

    def older(made: dict[str, Any]) -> None:
        del made["summaries"]
        made["code"] = "older code"
        made["sha256"] = contents.seal(made)

    edit_json(results / "provenance.json", older)
    done = wattward("study", "summarise", results)
    assert done.exit_code == 0, done.output
    assert f"{results}: 12 rows in 3 tables" in done.stdout
    after = bytes_in(results)
    changed = {name for name in before if after[name] != before[name]}
    assert changed <= {"provenance.json", "croissant.json"}
    made = json.loads(after["provenance.json"])
    assert (made["code"], made["summaries"]) == ("older code", contents.FORM)
    assert made["summarised_by"]["code"] != "older code"
    assert {row["versus"] for row in json.loads(after["versus-Random.json"])} == {"Random"}
    found = reproduce(results, sample=1, jobs=1, progress=False)
    assert found.differences == []
    assert [note.split(" ")[:2] for note in found.notes] == [["made", "by"]]


def test_episodes_that_are_not_those_published_are_refused_and_nothing_is_written(results: Path) -> None:
    table = pd.read_parquet(results / "episodes.parquet")
    table.loc[0, "late_gpu_h"] += 1.0
    table.to_parquet(results / "episodes.parquet", index=False)
    before = bytes_in(results)
    with pytest.raises(ConfigError, match="episodes of toy/RunOnArrival are not those that were published"):
        summarise(results)
    assert bytes_in(results) == before


def test_an_impossible_score_is_refused_by_name_and_nothing_is_written(results: Path) -> None:
    table = pd.read_parquet(results / "episodes.parquet")
    table.loc[(table["method"] == "Random") & (table["episode"] == 1), "score"] = 1.5
    table.to_parquet(results / "episodes.parquet", index=False)

    def reseal(made: dict[str, Any]) -> None:
        made["files"]["episodes.parquet"] = sha256_of_file(results / "episodes.parquet")
        made["results"] = contents.digests_by_method(contents.read_episodes(results))
        made["sha256"] = contents.seal(made)

    edit_json(results / "provenance.json", reseal)
    before = bytes_in(results)
    done = wattward("study", "summarise", results)
    assert done.exit_code == 2
    assert "error: method Random, scenario toy, test episode 1: its score is 1.5; must be at most 1" in done.stderr
    assert bytes_in(results) == before


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"provenance\.json: no such file"):
        summarise(tmp_path)
