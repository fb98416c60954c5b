"""The gap between the bound and what can be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wattward.experiments.cli import app
from wattward.experiments.sandwich import sandwich

pytestmark = pytest.mark.slow


def test_both_lie_between_the_bound_and_what_costs_more() -> None:
    (row,) = sandwich("toy", [0], jobs=1)
    assert row["bound_yuan"] <= min(row["replay_yuan"], row["search_yuan"])
    assert row["gap"] >= 0.0
    assert row["search_yuan"] < row["run_on_arrival_yuan"]
    assert max(row["replay_score"], row["search_score"]) > 0.9, "the toy's optimum is reached, or nearly"


def test_the_command_writes_a_table(tmp_path: Path) -> None:
    arguments = ["sandwich", "--scenario", "toy", "--episodes", "1", "--jobs", "1", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    (row,) = json.loads((tmp_path / "sandwich.json").read_text(encoding="utf-8"))["rows"]
    assert row["scenario"] == "toy"
    assert "| toy |" in (tmp_path / "sandwich.md").read_text(encoding="utf-8")
