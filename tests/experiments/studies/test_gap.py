"""The gap between the bound and what can be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wattward.experiments.cli.main import app
from wattward.experiments.studies.gap.gap import bracket, means
from wattward.experiments.studies.gap.relaxed import ALL, RELAXATIONS

pytestmark = pytest.mark.slow


def test_both_lie_between_the_bound_and_what_costs_more() -> None:
    (row,) = bracket("toy", [0], jobs=1, improve=True)
    assert row["bound_cost"] <= row["tight_cost"] <= min(row["replay_cost"], row["search_cost"])
    assert row["tight_cost"] <= row["best_known_cost"] <= row["run_on_arrival_cost"]
    assert row["gap"] >= 0.0
    assert row["tight_cost"] <= row["descended_cost"] <= row["search_cost"] + 1e-6
    assert row["search_cost"] < row["run_on_arrival_cost"]
    assert max(row["replay_score"], row["search_score"]) > 0.9, "the toy's optimum is reached, or nearly"


def test_the_command_writes_a_table(tmp_path: Path) -> None:
    arguments = [
        "study",
        "gap",
        "--relax",
        "--scenario",
        "toy",
        "--episodes",
        "1",
        "--jobs",
        "1",
        "--out",
        str(tmp_path),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "relaxed.json").read_text(encoding="utf-8"))["rows"]
    assert [row["changed"] for row in rows] == ["as it is", *RELAXATIONS, ALL]
    assert {row["scenario"] for row in rows} == {"toy"}
    assert "| toy | no demand charge |" in (tmp_path / "relaxed.md").read_text(encoding="utf-8")


def test_the_bracket_alone_is_the_bound_and_the_best_known_schedule(tmp_path: Path) -> None:
    arguments = ["study", "gap", "--best-known", "--scenario", "toy", "--episodes", "2", "--jobs", "1"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "bracket.json").read_text(encoding="utf-8"))["rows"]
    assert [row["episode"] for row in rows] == [0, 1]
    for row in rows:
        assert row["bound_cost"] <= row["best_known_cost"] <= row["run_on_arrival_cost"]
    assert "| toy | 2 |" in (tmp_path / "bracket.md").read_text(encoding="utf-8")


def test_episodes_of_one_change_are_averaged() -> None:
    rows = [
        {"scenario": "toy", "changed": "", "episode": episode, "gap": gap} for episode, gap in enumerate((0.1, 0.3))
    ]
    assert means(rows) == [{"scenario": "toy", "changed": "", "episodes": 2, "gap": pytest.approx(0.2)}]
