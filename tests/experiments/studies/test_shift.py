"""Scores before and after a change side by side, and the picture of an average day."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from wattward.configs import ConfigError, load_scenario, load_suite
from wattward.configs.schema.suite import Suite
from wattward.envs.decisions.action import Mode
from wattward.envs.world.draw import draw
from wattward.envs.world.splits import episode_seed
from wattward.experiments.cli import main as cli
from wattward.experiments.common.records import FAILURE, Record
from wattward.experiments.evaluation import statistics
from wattward.experiments.evaluation.methods import method
from wattward.experiments.evaluation.playing import environment
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.leaderboard import compare as shift
from wattward.experiments.leaderboard.reproduce import reproduce
from wattward.experiments.leaderboard.standing import Limits
from wattward.experiments.report.data import read_results
from wattward.experiments.studies.shift import average_day as shift_hours

PAIR = ("toy", "toy+price-spike")
SUITE = """\
name: shifted
title: Toys under a price spike
scenarios: [toy, toy+price-spike]
compare: [toy, toy+price-spike]
episodes: 2
rules: [RunOnArrival, PeakOffset, CheapestNow]
"""


def wattward(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def records(method: str, by_scenario: dict[str, list[float]], late_gpu_h: float = 0.0) -> list[Record]:
    return [
        {
            "method": method,
            "train_seed": None,
            "learned": 0,
            "scenario": scenario,
            "episode": episode,
            "score": score,
            "total_cost": 100.0 - 50.0 * score,
            "run_on_arrival_cost": 100.0,
            "bound_cost": 50.0,
            "late_gpu_h": late_gpu_h,
            "work_gpu_h": 90.0,
            "unfinished_gpu_h": 10.0,
        }
        for scenario, scores in by_scenario.items()
        for episode, score in enumerate(scores)
    ]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("shifted")
    (home / "shifted.yaml").write_text(SUITE, encoding="utf-8")
    out = home / "results"
    done = wattward("leaderboard", home / "shifted.yaml", "--out", out, "--cache", home / "cache", "--jobs", 1)
    assert done.exit_code == 0, done.output
    return out


def test_a_change_is_paired_by_episode() -> None:
    before = np.linspace(0.0, 1.0, 20)
    rows = shift.compare(records("Same", {"a": list(before), "b": list(before - 0.25)}), ("a", "b"))
    assert rows[0]["change"] == pytest.approx(-0.25)
    assert (rows[0]["change_low"], rows[0]["change_high"]) == pytest.approx((-0.25, -0.25))
    assert rows[0]["score_before_high"] - rows[0]["score_before_low"] > 0.2
    assert rows[0]["score_after"] - rows[0]["score_before"] == pytest.approx(rows[0]["change"])


def test_what_broke_the_contract_has_its_change_and_a_mark() -> None:
    played = [
        *records("Late", {"a": [0.9, 0.9], "b": [0.9, 0.9]}, late_gpu_h=50.0),
        *records("Poor", {"a": [0.2, 0.2], "b": [0.1, 0.1]}),
        *records("Good", {"a": [0.2, 0.2], "b": [0.3, 0.3]}),
        *records("Absent", {"a": [0.2, 0.2]}),
    ]
    rows = shift.compare(played, ("a", "b"), Limits(most_late_share=0.1))
    assert [row["method"] for row in rows] == ["Late", "Good", "Poor"]
    assert (rows[0]["change"], rows[0]["score_after"], rows[0]["mark_after"]) == (0.0, pytest.approx(0.9), "late")
    assert rows[1]["saving_after"] == pytest.approx(0.15)
    page = shift.as_markdown(rows)
    assert "| Good | 0.200 | 0.20 to 0.20 | 0.300 | 0.30 to 0.30 | +0.100 | +0.100 to +0.100 | 10.0% | 15.0% |" in page
    assert "| Late | 0.900 late | 0.90 to 0.90 | 0.900 late | 0.90 to 0.90 | +0.000 | +0.000 to +0.000 |" in page
    assert "late: more work is late than the contract allows" in page
    assert "Late in `a`: late 50.00% > 10%; Late in `b`: late 50.00% > 10%." in page


def test_what_failed_on_one_side_has_no_change_and_stands_last() -> None:
    played = [
        *records("Fails", {"a": [0.9, 0.9], "b": [0.9, 0.9]}),
        *records("Good", {"a": [0.2, 0.2], "b": [0.3, 0.3]}),
    ]
    played[2].update({"score": None, FAILURE: "step 5: it raised KeyError: 'x'"})
    rows = shift.compare(played, ("a", "b"))
    assert [row["method"] for row in rows] == ["Good", "Fails"]
    assert (rows[1]["score_before"], rows[1]["score_after"], rows[1]["change"]) == (pytest.approx(0.9), None, None)
    page = shift.as_markdown(rows)
    assert "| Fails | 0.900 | 0.90 to 0.90 | failed | – | – | – |" in page
    assert "Fails in `b`: failed in 1 of 2 episodes; episode 0, step 5: it raised KeyError: 'x'." in page


def test_unequal_episodes_are_not_compared() -> None:
    with pytest.raises(ConfigError, match="'Odd' did not play the same episodes of both"):
        shift.compare(records("Odd", {"a": [0.1, 0.2], "b": [0.1]}), ("a", "b"))
    with pytest.raises(ConfigError, match="'c' was not played; must be among a"):
        shift.compare(records("Odd", {"a": [0.1, 0.2]}), ("a", "c"))
    with pytest.raises(ValueError, match="must be paired"):
        statistics.change(np.zeros((1, 3)), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("compared", "message"),
    [("[toy, tay]", "'tay' must be among toy, toy\\+price-spike"), ("[toy, toy]", "'toy' is set beside itself")],
)
def test_a_suite_compares_two_of_its_scenarios(tmp_path: Path, compared: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SUITE.replace("compare: [toy, toy+price-spike]", f"compare: {compared}"), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_suite(path)


def test_suites_that_compare_nothing_are_written_as_before() -> None:
    assert "compare" not in Suite(name="a", title="A", scenarios=("toy",), episodes=1).model_dump()
    assert load_suite("shifts").compare == ("zhejiang-xinjiang-2024", "zhejiang-xinjiang")


def test_the_table_is_published_and_reproduced(results: Path) -> None:
    rows = json.loads((results / shift.SHIFT).read_text(encoding="utf-8"))
    assert {row["method"] for row in rows} == {"RunOnArrival", "PeakOffset", "CheapestNow"}
    assert (results / shift.SHIFT_PAGE).read_text(encoding="utf-8") == shift.as_markdown(rows)
    files = json.loads((results / "provenance.json").read_text(encoding="utf-8"))["files"]
    assert {shift.SHIFT, shift.SHIFT_PAGE} <= files.keys()
    assert reproduce(results, sample=1, jobs=1, progress=False).differences == []


def test_a_table_that_was_touched_is_told(results: Path) -> None:
    path = results / shift.SHIFT
    kept = path.read_text(encoding="utf-8")
    rows = json.loads(kept)
    rows[0]["change"] = 0.5
    name = rows[0]["method"]
    try:
        path.write_text(json.dumps(rows), encoding="utf-8")
        found = reproduce(results, sample=1, jobs=1, progress=False).differences
    finally:
        path.write_text(kept, encoding="utf-8")
    assert any(f"shift.json: {name}.change: 0.5 in the folder" in difference for difference in found)


def test_hours_and_shares_are_those_of_the_steps() -> None:
    day = shift_hours.average_day([method("PeakOffset-modes")], Worlds("zhejiang-xinjiang"), range(1))
    assert day.mode_share.sum(axis=2) == pytest.approx(np.ones_like(day.deferrable_share))
    assert day.mode_share[8:10, 0, Mode.HOLD] == pytest.approx(1.0)
    assert day.mode_share[:8, 0, Mode.PULL].min() > 0.8
    assert day.mode_share[10:14, 1, Mode.PULL] == pytest.approx(1.0)
    assert day.deferrable_share[8:10, 0].max() < 0.2 < day.deferrable_share[12, 0] < 1.0
    assert 0.17 < day.met_price_per_kwh < 1.24


def test_the_compared_worlds_differ_in_one_price_alone() -> None:
    before, after = (draw(load_scenario(name), episode_seed("test", 3)) for name in load_suite("shifts").compare or ())
    series = [name for name in before._fields if name != "signals"]
    differing = [name for name in series if not np.array_equal(getattr(before, name), getattr(after, name))]
    assert all(np.array_equal(one, two) for one, two in zip(before.signals, after.signals, strict=True))
    assert differing == ["price_per_kwh"]
    assert np.array_equal(before.price_per_kwh[:, :, 1], after.price_per_kwh[:, :, 1])


def test_prices_are_means_by_hour_of_what_was_met() -> None:
    env = environment("toy", None)
    env.reset(options={"split": "test", "episode": 0})
    met = shift_hours.prices(Worlds("toy"), 1)
    price = env.world.price_per_kwh[0]
    assert env.world.start_minute[0] % 1440 == 0
    by_hour = price[: len(price) // 24 * 24].reshape(-1, 24 * round(1 / env.scenario.step_h), price.shape[1])
    hourly = by_hour.mean(axis=0).reshape(24, -1, price.shape[1]).mean(axis=1)
    assert met == pytest.approx(hourly)


def test_the_command_draws_and_writes_a_page(results: Path, tmp_path: Path) -> None:
    page, picture = tmp_path / "page.md", tmp_path / "shift.png"
    page.write_text(f"# Title\n{shift.BEGIN}stale\n{shift.END}\nrest\n", encoding="utf-8")
    done = wattward("study", "shift", results, "--out", picture, "--episodes", 1, "--page", page)
    assert done.exit_code == 0, done.output
    assert "PeakOffset" in done.output and "before: toy; after: toy+price-spike" in done.output
    with Image.open(picture) as image:
        assert image.width > 900 and len(image.convert("RGB").getcolors(1 << 20) or []) > 10
    text = page.read_text(encoding="utf-8")
    assert "stale" not in text and text.endswith(f"{shift.END}\nrest\n")
    assert "| CheapestNow |" in text


def test_methods_are_those_asked_for_or_the_clock_rule(results: Path) -> None:
    read, rows = read_results(results), shift.read_shift(results)
    usual = shift_hours.picture_of(read, rows, [], 1)
    assert [panel.method for panel in usual.panels] == ["PeakOffset"]
    assert usual.pair == PAIR
    asked = shift_hours.picture_of(read, rows, ["CheapestNow", "RunOnArrival"], 1)
    assert [panel.method for panel in asked.panels] == ["CheapestNow", "RunOnArrival"]


def test_what_cannot_be_drawn_is_told(results: Path, small_results: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ((small_results,), "shift.json: no rows"),
        ((results, "--out", tmp_path / "a.svg"), "must be .png"),
        ((results, "--method", "Nobody"), "--method Nobody: must be one of CheapestNow, PeakOffset"),
        ((results, "--page", tmp_path / "none.md"), "none.md: cannot be read"),
    ):
        done = wattward("study", "shift", *arguments)
        assert done.exit_code == 2, done.output
        assert message in done.output
    assert not (tmp_path / "a.svg").exists()
