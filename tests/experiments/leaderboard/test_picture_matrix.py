"""Many scenarios side by side: whose row stands where, and what a square says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wattward.experiments.common import tables
from wattward.experiments.leaderboard.figure_matrix import _highest, _said, draw_matrix


def row(method: str, scenario: str, kind: str, score: float | None, mark: str | None = None) -> dict[str, Any]:
    return {"method": method, "scenario": scenario, "kind": kind, "score_iqm": score, "mark": mark}


ROWS = [
    *(row("bound", name, "bound", 1.0) for name in ("east", "west", "all scenarios")),
    row("CheapestNow", "east", "rule", 0.25),
    row("PPO", "east", "learned", 0.5),
    row("CheapestNow", "west", "rule", -0.1, "late"),
    row("CheapestNow", "all scenarios", "rule", 0.08, "late"),
    row("PPO", "all scenarios", "learned", None, "missing"),
]


def test_what_was_learned_stands_below_the_bound() -> None:
    assert tables.side_by_side_order(ROWS) == ["bound", "PPO", "CheapestNow"]


def test_a_square_says_the_score_and_whether_it_is_marked() -> None:
    assert [_said(one) for one in (*ROWS[3:8], None)] == ["0.25", "0.50", "-0.10*", "0.08*", "missing", "missing"]


def test_the_best_of_a_column_is_a_method_and_not_the_best_known_schedule() -> None:
    known = row("best known schedule", "east", "best known", 0.9)
    assert _highest([[known, None], [ROWS[3], ROWS[5]], [ROWS[4], ROWS[7]]]) == {0: 0.5, 1: -0.1}


def test_the_picture_is_drawn_whole(tmp_path: Path) -> None:
    paths = [tmp_path / "board.png", tmp_path / "board.svg"]
    draw_matrix(ROWS, "Two places", paths)
    assert all(path.stat().st_size > 5_000 for path in paths)
    assert paths[1].read_text(encoding="utf-8").count("<image") == 1
