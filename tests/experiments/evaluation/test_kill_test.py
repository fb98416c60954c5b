"""A leaderboard killed while it runs goes on where it was, and the check of that sees what it should."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wattward.experiments.common.finished_work import write_finished
from wattward.experiments.evaluation.kill_test import KillTestError, check_same, finished, kill_test, killed_on_the_way

SUITE = "name: mine\ntitle: Mine\nscenarios: [toy]\nepisodes: 24\nepisodes_per_cell: 1\nrules: [RunOnArrival, Random]\n"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_killed_leaderboard_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    suite = tmp_path / "mine.yaml"
    suite.write_text(SUITE, encoding="utf-8")
    outcome = kill_test(str(suite), tmp_path, kills=3, seed=1)
    assert outcome.files == 24 + 48
    assert len(outcome.at_kills) == 3
    assert outcome.at_kills == sorted(outcome.at_kills)


def result(folder: Path, records: list[dict[str, object]]) -> Path:
    path = folder / "cache" / "cells" / "a.json"
    write_finished(path, records)
    return path


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_run_may_be_killed_on_its_way_to_its_results(tmp_path: Path) -> None:
    suite = tmp_path / "mine.yaml"
    suite.write_text("name: mine\ntitle: Mine\nscenarios: [toy]\nepisodes: 4\nrules: [Random]\n", encoding="utf-8")
    outcome = killed_on_the_way(str(suite), tmp_path, kills=1, within_s=0.5)
    assert outcome.files == len(finished(tmp_path)) > 0
    assert (tmp_path / "mine" / "leaderboard.json").is_file()


def test_runs_are_the_same_but_for_their_timings(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    result(one, [{"total_cost": 1.5, "decision_us": 3}])
    result(two, [{"total_cost": 1.5, "decision_us": 4}])
    check_same(one, two)
    result(two, [{"total_cost": 1.5000000000000002, "decision_us": 4}])
    with pytest.raises(KillTestError, match=r"results differ: .*cells/a\.json"):
        check_same(one, two)


def test_an_altered_result_is_found(tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        path = result(folder, [{"total_cost": 1.5}])
    path.write_text(path.read_text(encoding="utf-8").replace("1.5", "1.4"), encoding="utf-8")
    with pytest.raises(KillTestError, match=r"a\.json: half-written or altered"):
        check_same(*folders)


def test_half_written_files_are_no_results(tmp_path: Path) -> None:
    path = result(tmp_path, [])
    path.with_name(".a-0123.json").write_text("[", encoding="utf-8")
    assert list(finished(tmp_path)) == ["cache/cells/a.json"]
