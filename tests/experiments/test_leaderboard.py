"""From records to rows, files and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from wattward.configs import ConfigError
from wattward.configs.suite_schema import Checkpoints, Suite
from wattward.experiments import leaderboard, tables
from wattward.experiments.records import Record

LEAST = {
    "entrant",
    "scenario",
    "score_iqm",
    "score_low",
    "score_high",
    "saving",
    "late_gpu_h",
    "green_share",
    "in_band",
}
SUITE = Suite(name="small", title="A small suite", scenarios=("toy",), episodes=8, rules=("RunOnArrival", "Random"))


def records(
    entrant: str, score: float, *, seeds: tuple[int | None, ...] = (None,), scenario: str = "toy"
) -> list[Record]:
    """Eight episodes a training seed, of a known score, in worlds that cost 100 on arrival and 50 at the bound."""
    return [
        {
            "entrant": entrant,
            "train_seed": seed,
            "learned": int(seed is not None),
            "scenario": scenario,
            "episode": episode,
            "score": score + 0.01 * episode,
            "cost_yuan": 100.0 - 50.0 * (score + 0.01 * episode),
            "run_on_arrival_yuan": 100.0,
            "bound_yuan": 50.0,
            "late_gpu_h": 2.0,
            "dropped_gpu_h": 0.0,
            "green_share": 0.3,
            "in_band": 0.6,
            "decision_us": 12.0,
        }
        for seed in seeds
        for episode in range(8)
    ]


def board() -> list[Record]:
    return [*records("PeakOffset", 0.3), *records("PPO", 0.8, seeds=(0, 1, 2)), *records("Random", -1.5)]


def test_rows_are_ranked_below_the_bound_and_say_all_that_is_asked() -> None:
    rows = leaderboard.rank(board())
    assert [row["entrant"] for row in rows] == ["bound", "PPO", "PeakOffset", "Random"]
    assert [row["kind"] for row in rows] == ["bound", "learned", "rule", "rule"]
    for row in rows:
        assert row.keys() >= LEAST | {
            "episodes",
            "train_seeds",
            "decision_us",
            "cost_yuan",
            "dropped_gpu_h",
            "poi_vs_best_rule",
        }
        assert row["score_low"] <= row["score_iqm"] <= row["score_high"]
    assert rows[0]["saving"] == pytest.approx(0.5)
    ppo = rows[1]
    assert (ppo["episodes"], ppo["train_seeds"], ppo["late_gpu_h"]) == (8, [0, 1, 2], 2.0)
    assert ppo["score_iqm"] == pytest.approx(0.835)
    assert ppo["saving"] == pytest.approx(0.5 * 0.835)


def test_improvement_is_over_the_best_rule() -> None:
    poi = {row["entrant"]: row["poi_vs_best_rule"] for row in leaderboard.rank(board())}
    assert poi == {"bound": None, "PPO": 1.0, "PeakOffset": None, "Random": 0.0}


def test_each_scenario_has_its_own_bound_and_ranking() -> None:
    both = [*board(), *records("PPO", 0.1, seeds=(0,), scenario="other"), *records("PeakOffset", 0.4, scenario="other")]
    rows = [(row["scenario"], row["entrant"]) for row in leaderboard.rank(both)]
    assert rows[4:] == [("other", "bound"), ("other", "PeakOffset"), ("other", "PPO")]


def test_unpaired_entrants_are_not_ranked() -> None:
    with pytest.raises(ConfigError, match="same episodes"):
        leaderboard.rank([*records("PeakOffset", 0.3), *records("Random", 0.1)[:-1]])


def test_a_training_seed_that_missed_an_episode_is_found() -> None:
    with pytest.raises(ConfigError, match="'PPO': episodes without a score"):
        leaderboard.rank(records("PPO", 0.8, seeds=(0, 1))[:-1])


def test_two_checkpoints_of_one_seed_are_not_two_seeds() -> None:
    with pytest.raises(ConfigError, match="'PPO': two checkpoints have the same training seed"):
        leaderboard.rank(records("PPO", 0.8, seeds=(0, 0)))


def test_an_episode_with_nothing_to_save_is_left_out_of_the_score() -> None:
    rows = board()
    for record in rows:
        if record["episode"] == 7:
            record["score"] = None
    assert leaderboard.rank(rows)[1]["score_iqm"] == pytest.approx(
        np.mean([0.82, 0.83, 0.83, 0.84, 0.82, 0.84]), abs=0.01
    )


def test_a_leaderboard_is_six_files(tmp_path: Path) -> None:
    rows = leaderboard.publish(SUITE, board(), tmp_path)
    expected = {f"leaderboard.{suffix}" for suffix in ("json", "md", "png", "svg")} | {
        "episodes.parquet",
        "provenance.json",
    }
    assert {path.name for path in tmp_path.iterdir()} == expected
    assert json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8")) == json.loads(json.dumps(rows))
    assert len(pd.read_parquet(tmp_path / "episodes.parquet")) == 40
    assert (tmp_path / "leaderboard.png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(tmp_path / "leaderboard.svg").getroot().tag.endswith("svg")
    made = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    assert made["suite"]["name"] == "small"
    assert len(made["scenarios"]["toy"]) == 20
    assert made["checkpoints"] == {}
    text = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    assert text.startswith("# A small suite\n")
    assert "| PPO (3 seeds) | 0.835 |" in text


def test_the_same_records_give_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        leaderboard.publish(SUITE, board(), tmp_path / name)
    for file in ("leaderboard.json", "leaderboard.md", "leaderboard.svg", "leaderboard.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_table_fits_a_hundred_columns() -> None:
    from rich.console import Console

    long = [*records("PeakOffset-NoReturn", -2.3), *records("Threshold-pull-0.3", 0.2)]
    for record in long:
        record["late_gpu_h"], record["dropped_gpu_h"], record["decision_us"] = 12345.0, 1234.0, 99999.0
    rows = leaderboard.rank(long)
    for columns in (tables.LEADERBOARD, tables.EPISODES):
        console = Console(width=100)
        with console.capture() as capture:
            console.print(tables.terminal(columns, rows, "title"))
        shown = capture.get()
        assert "PeakOffset-NoReturn" in shown
        assert "…" not in shown
        assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100


def test_a_suite_runs_end_to_end_on_the_toy(tmp_path: Path) -> None:
    suite = SUITE.model_copy(update={"episodes": 2})
    rows = leaderboard.rank(leaderboard.run_suite(suite, tmp_path, jobs=1, progress=False))
    by_name = {row["entrant"]: row for row in rows}
    assert by_name["RunOnArrival"]["score_iqm"] == pytest.approx(0.0)
    assert all(row["score_iqm"] <= 1.0 for row in rows)
    assert by_name["bound"]["cost_yuan"] <= by_name["Random"]["cost_yuan"]


def test_a_missing_checkpoint_is_found_before_anything_runs(tmp_path: Path) -> None:
    suite = SUITE.model_copy(update={"checkpoints": (Checkpoints(entrant="PPO", folders=("zoo/none",)),)})
    with pytest.raises(ConfigError, match=r"checkpoints\.PPO: folder 'zoo/none' does not exist"):
        leaderboard.run_suite(suite, tmp_path, jobs=1, progress=False)
    assert not list(tmp_path.iterdir())
    names = [who.name for who in leaderboard.entrants_of(suite, learned=False)]
    assert names == ["RunOnArrival", "Random"]
