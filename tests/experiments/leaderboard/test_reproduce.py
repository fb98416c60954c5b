"""A results folder run again: all the same, or what differs by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from wattward.configs import ConfigError
from wattward.configs.digests import sha256_of_file
from wattward.configs.schema.suite import Suite
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.cli import main as cli
from wattward.experiments.evaluation.playing import compute_references
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.leaderboard import contents, run
from wattward.experiments.leaderboard import publish as leaderboard
from wattward.experiments.leaderboard import reproduce as reproducing
from wattward.experiments.leaderboard.reproduce import differing, reproduce

SUITE = Suite(
    name="small",
    title="A small suite",
    scenarios=("toy", "toy+heat-wave"),
    episodes=2,
    episodes_per_cell=1,
    rules=("RunOnArrival", "Random", "PeakOffset"),
)
VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text(max_size=2)
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    leaderboard.publish(SUITE, run.run_suite(SUITE, folder / "cache", jobs=1, progress=False), folder / "results")
    return folder / "results"


@pytest.fixture
def results(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "results"))


def differences(folder: Path, sample: int | None = None) -> list[str]:
    return reproduce(folder, sample=sample, jobs=1, progress=False).differences


def edit_json(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def test_untouched_results_are_all_the_same(results: Path) -> None:
    found = reproduce(results, jobs=1, progress=False)
    assert (found.differences, found.notes, found.bounds_off) == ([], [], 0)
    assert (found.cells, found.cells_run, found.records) == (12, 12, 12)
    part = reproduce(results, sample=5, jobs=1, progress=False)
    assert (part.differences, part.cells, part.cells_run, part.records) == ([], 12, 5, 5)


@pytest.mark.parametrize(
    "name", ["leaderboard.md", "leaderboard.png", "leaderboard.svg", "episodes.parquet", "configs/toy.json"]
)
def test_any_changed_byte_is_named(results: Path, name: str) -> None:
    content = bytearray((results / name).read_bytes())
    content[len(content) // 2] ^= 1
    (results / name).write_bytes(bytes(content))
    assert any(found.startswith(f"{name}: is not the file that was published") for found in differences(results, 1))


def test_a_missing_file_is_named(results: Path) -> None:
    (results / "leaderboard.svg").unlink()
    assert differences(results, 1) == ["leaderboard.svg: is missing"]


def test_a_changed_config_is_named_by_its_key(results: Path) -> None:
    edit_json(results / "configs/toy.json", lambda data: data["forecast"].update(skill=0.123))
    found = differences(results, 1)
    assert any(line.startswith("configs/toy.json: forecast.skill: 0.123 in the folder") for line in found)


def test_a_changed_scenario_of_this_version_is_named_by_its_key(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(name: str) -> Any:
        scenario = load(name)
        return scenario.model_copy(update={"band_low": 0.5})

    load = contents.load_scenario
    monkeypatch.setattr(contents, "load_scenario", other)
    found = differences(results, 1)
    assert [line.split(": ")[1] for line in found] == ["band_low", "band_low"]


def test_a_changed_score_in_the_table_is_named(results: Path) -> None:
    edit_json(results / "leaderboard.json", lambda rows: rows[1].update(score_iqm=0.99))
    row = json.loads((results / "leaderboard.json").read_text(encoding="utf-8"))[1]
    said = f"leaderboard.json: {row['scenario']}/{row['method']}.score_iqm: 0.99 in the folder"
    assert any(line.startswith(said) for line in differences(results, 1))


def test_a_changed_episode_is_named_and_found_by_running_it_again(results: Path) -> None:
    table = pd.read_parquet(results / "episodes.parquet")
    at = table.index[(table["method"] == "Random") & (table["scenario"] == "toy") & (table["episode"] == 1)][0]
    table.loc[at, "late_gpu_h"] += 1e-9
    table.to_parquet(results / "episodes.parquet", index=False)
    found = differences(results)
    assert "episodes.parquet: episodes of toy/Random are not those that were published" in found
    assert any(line.startswith("episodes.parquet: toy/Random, episode 1: late_gpu_h: ") for line in found)
    assert not [line for line in found if "PeakOffset, episode" in line]


def test_an_episode_that_was_taken_out_is_named(results: Path) -> None:
    table = pd.read_parquet(results / "episodes.parquet")
    table[(table["method"] != "Random") | (table["episode"] == 0)].to_parquet(results / "episodes.parquet")
    found = differences(results)
    assert "episodes.parquet: toy/Random, episode 1: is missing" in found
    said = ["null in the folder", '"failed" now']
    assert any(
        line.startswith("leaderboard.json: toy/Random.mark: ") and all(s in line for s in said) for line in found
    )


def test_changed_provenance_is_told(results: Path) -> None:
    edit_json(results / "provenance.json", lambda data: data.update(policy_seed=1))
    assert differences(results, 1) == ["provenance.json: is not as it was written: its own digest does not fit it"]


def test_a_resealed_lie_is_found_by_running_again(results: Path) -> None:
    """Whoever changes an episode and every digest with it is still found out."""
    table = pd.read_parquet(results / "episodes.parquet")
    table.loc[table["method"] == "Random", "moved_gb"] += 1.0
    table.to_parquet(results / "episodes.parquet", index=False)
    records = [{k: contents._plain(v) for k, v in row.items()} for row in table.to_dict("records")]

    def reseal(made: dict[str, Any]) -> None:
        made["files"]["episodes.parquet"] = sha256_of_file(results / "episodes.parquet")
        made["results"] = contents.digests_by_method(records)
        made["sha256"] = contents.seal(made)

    edit_json(results / "provenance.json", reseal)
    found = differences(results)
    assert len(found) == 4
    assert all("Random" in line and "moved_gb" in line for line in found)


def test_a_bound_within_its_tolerance_passes_with_a_note_and_no_further(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off_by(share: float) -> reproducing.Report:
        def run(*args: Any, **kwargs: Any) -> list[Any]:
            again = run_cells(*args, **kwargs)
            return [{**record, "bound_cost": record["bound_cost"] * (1 + share)} for record in again]

        monkeypatch.setattr(reproducing, "run_cells", run)
        return reproduce(results, sample=2, jobs=1, progress=False)

    run_cells: Any = reproducing.run_cells
    near, far = off_by(1e-10), off_by(1e-6)
    assert near.differences == []
    assert near.notes == ["2 bounds differ in their last digits, by less than 1e-08 of them"]
    assert len(far.differences) == 2
    assert all("bound_cost" in line for line in far.differences)


def test_tables_of_an_older_form_are_compared_as_far_as_they_go_and_can_be_made_again(results: Path) -> None:
    def older(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for key in ("best_rule", "improvement_over_best_rule", "reason"):
                del row[key]
            row["poi_vs_best_rule"] = 0.5
        rows[-1]["score_iqm"] = 0.123

    def older_provenance(made: dict[str, Any]) -> None:
        del made["summaries"]
        made["files"]["leaderboard.json"] = sha256_of_file(results / "leaderboard.json")
        made["sha256"] = contents.seal(made)

    last = json.loads((results / "leaderboard.json").read_text(encoding="utf-8"))[-1]["method"]
    edit_json(results / "leaderboard.json", older)
    edit_json(results / "provenance.json", older_provenance)
    found = reproduce(results, sample=1, jobs=1, progress=False)
    assert [line.partition(" in the folder")[0] for line in found.differences] == [
        f"leaderboard.json: all scenarios/{last}.score_iqm: 0.123"
    ]
    assert found.notes[0].startswith("its tables have form 1, this version makes form 2")
    assert f"`wattward study summarise {results}`" in found.notes[0]


@pytest.mark.parametrize("stated", [None, "v0", "v999"])
def test_results_of_other_worlds_are_refused_before_anything_is_compared(results: Path, stated: str | None) -> None:
    def other(made: dict[str, Any]) -> None:
        made.pop("worlds")
        made.update({} if stated is None else {"worlds": stated})
        made["sha256"] = contents.seal(made)

    edit_json(results / "provenance.json", other)
    done = CliRunner().invoke(cli.app, ["reproduce", str(results), "--jobs", "1"])
    assert done.exit_code == 2
    assert f"results: these results were played in {stated or 'v0'} worlds" in done.stderr
    assert "differs" not in done.output
    refused = CliRunner().invoke(cli.app, ["report", str(results), "--out", str(results / "report.html")])
    assert refused.exit_code == 2
    assert f"were played in {stated or 'v0'} worlds" in refused.stderr


def test_episodes_and_board_name_the_version_of_their_worlds(results: Path) -> None:
    assert set(pd.read_parquet(results / "episodes.parquet")["worlds"]) == {WORLDS_VERSION}
    assert f"(drawn, {WORLDS_VERSION} worlds)" in (results / "leaderboard.md").read_text(encoding="utf-8")
    described = json.loads((results / "croissant.json").read_text(encoding="utf-8"))["description"]
    assert f"played in {WORLDS_VERSION} worlds" in described


def test_other_packages_and_code_are_notes(results: Path) -> None:
    def older(made: dict[str, Any]) -> None:
        made["packages"]["numpy"], made["code"], made["host"]["processor"] = "1.0", "older", "another"
        made["sha256"] = contents.seal(made)

    edit_json(results / "provenance.json", older)
    found = reproduce(results, sample=1, jobs=1, progress=False)
    assert found.differences == []
    assert [note.split(" ")[:2] for note in found.notes] == [["made", "by"], ["made", "with"], ["made", "on"]]


def test_best_known_schedules_are_taken_from_the_folder_and_a_note_says_so(tmp_path: Path) -> None:
    records = run.run_suite(SUITE, tmp_path / "cache", jobs=1, progress=False, best_known=searched)
    leaderboard.publish(SUITE, records, tmp_path / "results")
    found = reproduce(tmp_path / "results", sample=2, jobs=1, progress=False)
    assert found.differences == []
    assert found.notes == ["costs of the best known schedules are those of the folder; they were not searched again"]


def searched(worlds: Worlds, episode: int) -> float:
    """The cost of running on arrival, which is a schedule."""
    return compute_references(worlds, episode).run_on_arrival_cost


@pytest.mark.parametrize("content", [None, "{}", "[1]", "{"])
def test_a_folder_without_results_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "provenance.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"provenance\.json: .*wattward leaderboard"):
        reproduce(tmp_path, progress=False)


def test_the_command_ends_with_1_where_something_differs(results: Path) -> None:
    same = CliRunner().invoke(cli.app, ["reproduce", str(results), "--sample", "2", "--jobs", "1"])
    assert same.exit_code == 0, same.output
    assert "2 of 12 cells run again, 2 episodes; everything is bitwise equal except for times" in same.output
    (results / "leaderboard.md").write_text("", encoding="utf-8")
    other = CliRunner().invoke(cli.app, ["reproduce", str(results), "--sample", "2", "--jobs", "1"])
    assert other.exit_code == 1
    assert "differs: leaderboard.md: is not the file that was published" in other.stderr


@given(TREES)
def test_a_tree_does_not_differ_from_itself(tree: object) -> None:
    assert list(differing(tree, json.loads(json.dumps(tree)))) == []


@given(st.dictionaries(st.sampled_from("abc"), TREES, min_size=1), st.data())
def test_a_changed_leaf_is_the_only_difference(tree: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(tree)))
    assert [found.split(":")[0] for found in differing(tree, {**tree, key: "another value"})] == [key]
