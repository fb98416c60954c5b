"""From records to rows, files and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from wattward.configs import ConfigError
from wattward.configs.schema.suite import Checkpoints, Suite
from wattward.experiments.common import captions, tables
from wattward.experiments.common.records import BEST_KNOWN_COST, FAILURE, Record
from wattward.experiments.common.tables import ALL
from wattward.experiments.leaderboard import publish as leaderboard
from wattward.experiments.leaderboard import ranking, run, suites
from wattward.experiments.leaderboard.page import as_markdown
from wattward.experiments.leaderboard.standing import Limits

LEAST = {
    "method",
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
    method: str, score: float, *, seeds: tuple[int | None, ...] = (None,), scenario: str = "toy"
) -> list[Record]:
    """Eight episodes a training seed, of a known score, in worlds that cost 100 on arrival and 50 at the bound."""
    return [
        {
            "method": method,
            "train_seed": seed,
            "learned": int(seed is not None),
            "scenario": scenario,
            "episode": episode,
            "score": score + 0.01 * episode,
            "total_cost": 100.0 - 50.0 * (score + 0.01 * episode),
            "run_on_arrival_cost": 100.0,
            "bound_cost": 50.0,
            "late_gpu_h": 2.0,
            "dropped_gpu_h": 0.0,
            "work_gpu_h": 90.0,
            "unfinished_gpu_h": 10.0,
            "interactive_gpu_h": 50.0,
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
    rows = ranking.rank(board())
    assert [row["method"] for row in rows] == ["bound", "PPO", "PeakOffset", "Random"]
    assert [row["kind"] for row in rows] == ["bound", "learned", "rule", "rule"]
    for row in rows:
        assert row.keys() >= LEAST | {
            "episodes",
            "train_seeds",
            "decision_us",
            "total_cost",
            "dropped_gpu_h",
            "improvement_over_best_rule",
            "best_rule",
            "mark",
            "reason",
        }
        assert row["score_low"] <= row["score_iqm"] <= row["score_high"]
    assert rows[0]["saving"] == pytest.approx(0.5)
    ppo = rows[1]
    assert (ppo["episodes"], ppo["train_seeds"], ppo["late_gpu_h"]) == (8, [0, 1, 2], 2.0)
    assert ppo["score_iqm"] == pytest.approx(0.835)
    assert ppo["saving"] == pytest.approx(0.5 * 0.835)


def test_improvement_is_over_the_best_rule_and_optimisers_are_no_rules() -> None:
    rows = ranking.rank([*board(), *records("MPC-24", 0.6)])
    assert {row["method"]: row["improvement_over_best_rule"] for row in rows} == {
        "bound": None,
        "PPO": 1.0,
        "MPC-24": 1.0,
        "PeakOffset": None,
        "Random": 0.0,
    }
    assert {row["best_rule"] for row in rows[1:]} == {"PeakOffset"}
    assert [row["kind"] for row in rows] == ["bound", "learned", "optimiser", "rule", "rule"]
    shown = tables.markdown(tables.PAGE, rows)
    assert "| probability of improvement over the best rule |" in shown
    assert "| PeakOffset | 0.335 | 0.31 to 0.35 | 0.30 | 100% | best rule | 16.8% |" in shown
    said = captions.best(rows)
    assert said == "Best rule: PeakOffset, 0.335. Best optimiser: MPC-24, 0.635. Best learned agent: PPO, 0.835."


def test_of_rules_with_the_same_score_the_best_is_to_run_on_arrival() -> None:
    rows = ranking.rank([*records("CheapestNow", 0.0), *records("RunOnArrival", 0.0), *records("Random", -0.5)])
    assert {row["best_rule"] for row in rows[1:]} == {"RunOnArrival"}
    assert {row["method"]: row["improvement_over_best_rule"] for row in rows[1:]} == {
        "CheapestNow": 0.5,
        "RunOnArrival": None,
        "Random": 0.0,
    }


def test_each_scenario_has_its_own_bound_and_ranking() -> None:
    both = [*board(), *records("PPO", 0.1, seeds=(0,), scenario="other"), *records("PeakOffset", 0.4, scenario="other")]
    rows = [(row["scenario"], row["method"]) for row in ranking.rank(both)]
    assert rows[4:8] == [("other", "bound"), ("other", "PeakOffset"), ("other", "PPO"), ("other", "Random")]


def over_the_limit() -> list[Record]:
    """PPO plays two worlds; in one of them PeakOffset is late with 12 of 100 GPU-h."""
    worlds = [
        record
        for scenario in ("toy", "other")
        for name, score, seeds in (("PeakOffset", 0.9, (None,)), ("Random", 0.1, (None,)), ("PPO", 0.5, (0, 1)))
        for record in records(name, score, seeds=seeds, scenario=scenario)
    ]
    for record in worlds:
        if record["method"] == "PeakOffset" and record["scenario"] == "toy":
            record["late_gpu_h"] = 12.0
    return worlds


def test_who_breaks_the_contract_has_a_number_and_a_mark() -> None:
    rows = ranking.rank(over_the_limit(), Limits(most_late_share=0.05))
    by_world = {(row["scenario"], row["method"]): row for row in rows}
    assert [row["method"] for row in rows[:4]] == ["bound", "PeakOffset", "PPO", "Random"]
    late = by_world["toy", "PeakOffset"]
    assert (late["mark"], late["reason"], late["late_gpu_h"]) == ("late", "late 12.00% > 5%", 12.0)
    assert late["score_iqm"] == by_world["other", "PeakOffset"]["score_iqm"] == pytest.approx(0.935)
    overall = by_world[ALL, "PeakOffset"]
    assert (overall["mark"], overall["reason"]) == ("late", "late in 1 of 2 scenarios")
    assert overall["score_iqm"] == pytest.approx(0.935)
    assert by_world[ALL, "PPO"]["improvement_over_best_rule"] == 0.0
    shown = tables.markdown(tables.LEADERBOARD, rows)
    assert "| PeakOffset | 0.935 late | 0.92 to 0.96 | best rule | 46.8% | 12 |" in shown
    side_by_side = tables.markdown(*tables.by_scenario(rows))
    assert "| method | all scenarios | toy | other |" in side_by_side
    assert "| PeakOffset | 0.935 late | 0.935 late | 0.935 |" in side_by_side
    said = captions.caption([row for row in rows if row["scenario"] == "toy"])
    assert "Best rule: PeakOffset (late), 0.935." in said and "PeakOffset: late 12.00% > 5%" in said
    assert captions.legend(rows).startswith("Marks: late: more work is late than the contract allows.")
    assert all(row["mark"] is None for row in ranking.rank(over_the_limit()))
    assert captions.legend(ranking.rank(over_the_limit())) == ""


def test_dropped_work_breaks_the_contract_too() -> None:
    board = over_the_limit()
    for record in board:
        record["dropped_gpu_h"] = 50.0 if record["method"] == "Random" else 0.0
    rows = [row for row in ranking.rank(board, Limits(most_dropped_share=0.2)) if row["scenario"] == ALL]
    assert {row["method"]: row["mark"] for row in rows} == {
        "bound": None,
        "PPO": None,
        "PeakOffset": None,
        "Random": "dropped",
    }
    assert rows[-1]["reason"] == "dropped in 2 of 2 scenarios"


def failing() -> list[Record]:
    """The second training seed of PPO fails in episode 3 of the toy; Random lacks its last episode there."""
    found = [record for record in over_the_limit() if (record["method"], record["episode"]) != ("Random", 7)]
    found += [record for record in over_the_limit() if (record["method"], record["scenario"]) == ("Random", "other")][
        -1:
    ]
    for record in found:
        if (record["method"], record["train_seed"], record["episode"], record["scenario"]) == ("PPO", 1, 3, "toy"):
            record.update(dict.fromkeys(("score", "total_cost", "late_gpu_h", "decision_us"), None))
            record[FAILURE] = "step 12: it raised KeyError: 'x'"
    return found


def test_who_failed_or_lacks_an_episode_says_so_with_the_reason() -> None:
    rows = ranking.rank(failing(), Limits(most_late_share=0.5))
    by_world = {(row["scenario"], row["method"]): row for row in rows}
    failed, absent = by_world["toy", "PPO"], by_world["toy", "Random"]
    assert (failed["score_iqm"], failed["mark"]) == (None, "failed")
    assert failed["reason"] == (
        "failed in 1 of 16 episodes; training seed 1, episode 3, step 12: it raised KeyError: 'x'"
    )
    assert (absent["score_iqm"], absent["mark"]) == (None, "failed")
    assert absent["reason"] == "failed: episode 7 is not in the records"
    assert by_world["other", "PPO"]["score_iqm"] == pytest.approx(0.535)
    assert (by_world[ALL, "PPO"]["score_iqm"], by_world[ALL, "PPO"]["reason"]) == (None, "failed in 1 of 2 scenarios")
    shown = tables.markdown(*tables.by_scenario(rows))
    assert "| PPO | failed | failed | 0.535 |" in shown and "–" not in shown
    page = as_markdown(SUITE, rows, "v1")
    assert captions.legend(rows).endswith("so it has no score.")
    assert "PPO: failed in 1 of 16 episodes; training seed 1, episode 3, step 12: it raised KeyError: 'x'" in page


def test_over_all_scenarios_each_counts_and_who_is_missing_in_one_says_so() -> None:
    both = [*over_the_limit(), *records("DQN", 0.99, seeds=(0,))]
    rows = [row for row in ranking.rank(both) if row["scenario"] == ALL]
    assert [row["method"] for row in rows] == ["bound", "PeakOffset", "PPO", "Random", "DQN"]
    assert (rows[-1]["mark"], rows[-1]["reason"]) == ("missing", "missing in 1 of 2 scenarios")
    assert (rows[2]["score_iqm"], rows[2]["episodes"]) == (pytest.approx(0.535), 16)
    assert rows[0]["saving"] == pytest.approx(0.5)
    assert "| DQN | missing | 1.025 | missing |" in tables.markdown(*tables.by_scenario(ranking.rank(both)))


def test_a_hard_scenario_counts_as_much_as_the_others() -> None:
    """Pooled, the middle half of scores would hold none of the hard scenario's."""
    scores = {"toy": 0.6, "other": 0.7, "third": 0.8, "hard": -2.0}
    board = [record for name, score in scores.items() for record in records("Random", score, scenario=name)]
    row = ranking.rank(board)[-1]
    assert row["scenario"] == ALL
    assert row["score_iqm"] == pytest.approx(np.mean([score + 0.035 for score in scores.values()]))
    assert row["score_p5"] == pytest.approx(np.mean([score + 0.0035 for score in scores.values()]))
    assert row["score_low"] < row["score_iqm"] < row["score_high"]


def test_over_all_scenarios_every_training_seed_counts_within_its_scenario() -> None:
    more = [*over_the_limit(), *records("PPO", 0.9, seeds=(2,), scenario="other")]
    by_world = {(row["scenario"], row["method"]): row for row in ranking.rank(more)}
    overall, parts = by_world[ALL, "PPO"], [by_world[name, "PPO"]["score_iqm"] for name in ("toy", "other")]
    assert overall["score_iqm"] == pytest.approx(np.mean(parts))
    assert parts[1] > parts[0]
    assert (overall["train_seeds"], overall["seeds_by_scenario"]) == ([0, 1, 2], [2, 3])
    assert tables.method_with_seeds(overall) == "PPO (2-3 seeds)"


def test_one_method_set_beside_the_others() -> None:
    rows = ranking.versus(over_the_limit(), "PPO")
    assert [(row["scenario"], row["method"]) for row in rows] == [
        (scenario, name) for scenario in ("toy", "other", ALL) for name in ("PeakOffset", "Random")
    ]
    assert [row["difference"] for row in rows] == pytest.approx([0.4, -0.4] * 3)
    assert [row["improvement"] for row in rows] == [1.0, 0.0] * 3
    with pytest.raises(ConfigError, match="--versus MPC: must be one of PPO, PeakOffset, Random"):
        ranking.versus(over_the_limit(), "MPC")
    assert {(row["kind"], row["versus_kind"]) for row in rows} == {("rule", "learned")}
    short = [record for record in over_the_limit() if (record["method"], record["episode"]) != ("Random", 7)]
    with pytest.raises(ConfigError, match="--versus Random: has no score to compare with: it failed everywhere"):
        ranking.versus(short, "Random")
    kept = {(row["scenario"], row["method"]) for row in ranking.versus(short, "PPO")}
    assert kept == {("toy", "PeakOffset"), ("other", "PeakOffset"), (ALL, "PeakOffset")}


def test_a_training_seed_that_missed_an_episode_is_found() -> None:
    row = ranking.rank(records("PPO", 0.8, seeds=(0, 1))[:-1])[1]
    assert (row["mark"], row["reason"]) == ("failed", "failed: training seed 1: episode 7 is not in the records")


def test_a_world_in_which_nothing_can_be_saved_has_no_board() -> None:
    rows = records("PeakOffset", 0.3)
    for record in rows:
        record["score"] = None
    with pytest.raises(ConfigError, match="toy: nothing can be saved in any of its 8 episodes"):
        ranking.rank(rows)


def test_two_checkpoints_of_one_seed_are_not_two_seeds() -> None:
    with pytest.raises(ConfigError, match="'PPO': two checkpoints have the same training seed"):
        ranking.rank(records("PPO", 0.8, seeds=(0, 0)))


def test_an_episode_with_nothing_to_save_is_left_out_of_the_score() -> None:
    rows = board()
    for record in rows:
        if record["episode"] == 7:
            record["score"] = None
    assert ranking.rank(rows)[1]["score_iqm"] == pytest.approx(np.mean([0.82, 0.83, 0.83, 0.84, 0.82, 0.84]), abs=0.01)


def with_best_known(records: list[Record]) -> list[Record]:
    """In every episode, a schedule is known that costs 58 where the bound is 50."""
    return [record | {BEST_KNOWN_COST: 58.0} for record in records]


def test_the_best_known_schedule_is_a_line_of_its_own_below_the_bound() -> None:
    rows = ranking.rank(with_best_known(board()))
    assert [(row["method"], row["kind"]) for row in rows[:3]] == [
        ("bound", "bound"),
        ("best known schedule", "best known"),
        ("PPO", "learned"),
    ]
    assert rows[1]["score_iqm"] == rows[1]["score_low"] == rows[1]["score_high"] == pytest.approx(0.84)
    assert (rows[1]["saving"], rows[1]["total_cost"]) == (pytest.approx(0.42), 58.0)
    assert rows[1]["improvement_over_best_rule"] is None
    page = as_markdown(SUITE, rows, "v1")
    assert "| best known schedule | 0.840 | 0.84 to 0.84 |" in page
    assert "The optimum lies between it and the bound." in page


def test_where_no_schedule_was_searched_no_line_says_so() -> None:
    rows = ranking.rank(board())
    assert "best known" not in {row["kind"] for row in rows}
    assert "best known" not in as_markdown(SUITE, rows, "v1")


def test_over_all_scenarios_the_best_known_schedule_is_the_mean_or_missing() -> None:
    other = [*records("PPO", 0.1, seeds=(0,), scenario="other"), *records("PeakOffset", 0.2, scenario="other")]
    known = [record | {BEST_KNOWN_COST: 70.0} for record in other]
    for here, score, reason in ((with_best_known(board()), (0.84 + 0.6) / 2, None), (board(), None, "in 1 of 2")):
        rows = ranking.rank([*here, *known])
        row = next(row for row in rows if (row["scenario"], row["kind"]) == (ALL, "best known"))
        assert row["score_iqm"] == (None if score is None else pytest.approx(score))
        assert row["reason"] == (None if reason is None else "missing in 1 of 2 scenarios")


def test_the_picture_has_a_line_at_the_best_known_schedule(tmp_path: Path) -> None:
    for name, shown in (("with", with_best_known(board())), ("without", board())):
        leaderboard.publish(SUITE, shown, tmp_path / name)
    drawn = {name: (tmp_path / name / "leaderboard.svg").read_text(encoding="utf-8") for name in ("with", "without")}
    assert "best known" in drawn["with"] and "best known" not in drawn["without"]
    assert (pd.read_parquet(tmp_path / "with" / "episodes.parquet")[BEST_KNOWN_COST] == 58.0).all()


def test_a_leaderboard_is_a_folder(tmp_path: Path) -> None:
    rows = leaderboard.publish(SUITE, board(), tmp_path)
    others = {"profiles.json", "ranks.json", "episodes.parquet", "provenance.json", "croissant.json", "configs"}
    expected = {f"leaderboard.{suffix}" for suffix in ("json", "md", "png", "svg")} | others
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
    assert {path.name for path in (tmp_path / "configs").iterdir()} == {"suite.json", "toy.json"}
    assert made["files"].keys() == {path.name for path in tmp_path.iterdir() if path.is_file()} - {
        "provenance.json"
    } | {
        "configs/suite.json",
        "configs/toy.json",
    }
    profiles = json.loads((tmp_path / "profiles.json").read_text(encoding="utf-8"))
    above = dict(zip(profiles["taus"], profiles["toy"]["PPO"]["above"], strict=True))
    assert (above[-0.5], above[1.0]) == (1.0, 0.0)
    ranks = json.loads((tmp_path / "ranks.json").read_text(encoding="utf-8"))
    assert ranks["toy"] == {"PeakOffset": [0, 1, 0], "PPO": [1, 0, 0], "Random": [0, 0, 1]}


def test_the_same_records_give_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        leaderboard.publish(SUITE, board(), tmp_path / name)
    for file in ("leaderboard.json", "leaderboard.md", "leaderboard.svg", "leaderboard.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_tables_fit_eighty_columns() -> None:
    from rich.console import Console

    long = [*records("PeakOffset-NoReturn", -2.3), *records("Threshold-pull-0.3", 0.2)]
    long += records("DQN-REGIONS", 0.5, seeds=(0, 1, 2))
    for record in long:
        record["late_gpu_h"], record["dropped_gpu_h"], record["decision_us"] = 12345.0, 1234.0, 99999.0
        record["total_cost"], record["run_on_arrival_cost"] = 123456.0, 100000.0
    rows = ranking.rank(long, Limits(most_late_share=0.5))
    assert rows[-1]["mark"] == "late"
    boards = [(tables.LEADERBOARD, rows), (tables.in_currency(tables.EPISODES, "CNY"), rows)]
    for columns, shown_rows in (*boards, (tables.VERSUS, ranking.versus(long, "DQN-REGIONS"))):
        console = Console(width=80)
        with console.capture() as capture:
            console.print(tables.terminal(columns, shown_rows, "title", captions.caption(rows)))
        shown = capture.get()
        assert "PeakOffset-NoReturn" in shown
        assert "…" not in shown
        assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80


def test_a_suite_runs_end_to_end_on_the_toy(tmp_path: Path) -> None:
    suite = SUITE.model_copy(update={"episodes": 2})
    rows = ranking.rank(run.run_suite(suite, tmp_path, jobs=1, progress=False))
    by_name = {row["method"]: row for row in rows}
    assert by_name["RunOnArrival"]["score_iqm"] == pytest.approx(0.0)
    assert all(row["score_iqm"] <= 1.0 for row in rows)
    assert by_name["bound"]["total_cost"] <= by_name["Random"]["total_cost"]


def test_a_missing_checkpoint_is_found_before_anything_runs(tmp_path: Path) -> None:
    suite = SUITE.model_copy(update={"checkpoints": (Checkpoints(method="PPO", folders=("zoo/none",)),)})
    with pytest.raises(ConfigError, match=r"checkpoints\.PPO: folder 'zoo/none' does not exist"):
        run.run_suite(suite, tmp_path, jobs=1, progress=False)
    assert not list(tmp_path.iterdir())
    names = [who.name for who in suites.methods_of(suite, "toy", learned=False)]
    assert names == ["RunOnArrival", "Random"]
