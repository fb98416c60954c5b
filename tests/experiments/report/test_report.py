"""Reports and replays without a browser: what is in the page, and that it is what was ranked."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from wattward.envs.decisions.action import Mode
from wattward.experiments.cli import main as cli
from wattward.experiments.cli.options import BAD_INPUT
from wattward.experiments.evaluation import trajectory as replay
from wattward.experiments.evaluation.methods import method
from wattward.experiments.evaluation.playing import environment
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.report import data as report_data
from wattward.experiments.report import page, report
from wattward.experiments.report.page import Page, Table

VOID = {"meta", "link", "input", "br"}


class Outline(HTMLParser):
    """The ids of a page, what it links to, and whether its tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given[key] or "" for key in ("src", "href") if key in given]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def wattward(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def outline(html: str) -> Outline:
    read = Outline()
    read.feed(html)
    read.close()
    return read


def unpacked(html: str, name: str) -> str:
    found = re.search(rf'id="{name}">([^<]*)<', html)
    assert found
    return gzip.decompress(base64.b64decode(found[1])).decode()


def data_of(html: str) -> dict[str, Any]:
    return dict(json.loads(unpacked(html, "data")))


@pytest.fixture(scope="module")
def html(small_report: Path) -> str:
    return small_report.read_text(encoding="utf-8")


def test_the_page_is_whole_and_asks_the_network_for_nothing(html: str) -> None:
    read = outline(html)
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert {"ranking", "profiles", "scenarios", "week", "facts", "slider", "method"} <= set(read.ids)
    assert set(read.links) == {"data:,"}
    assert "{{" not in html
    assert len(html.encode()) < page.MOST_BYTES
    assert unpacked(html, "plotly").lstrip().startswith("/**\n* plotly.js")


def test_what_a_suite_calls_itself_is_text_and_never_markup(html: str) -> None:
    assert "<h1>Two rules &amp; the floor on &lt;two&gt; toys</h1>" in html
    assert "<two>" not in html


def test_the_same_results_give_the_same_page(small_results: Path, small_report: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.html"
    assert wattward("report", small_results, "--out", again).exit_code == 0
    assert again.read_bytes() == small_report.read_bytes()


def test_every_method_costs_what_it_was_ranked_with(html: str, small_results: Path) -> None:
    ranked = pd.read_parquet(small_results / "episodes.parquet").query("episode == 0")
    weeks = data_of(html)["weeks"]
    assert set(weeks) == {"toy", "toy+heat-wave"}
    for scenario, week in weeks.items():
        own = ranked[ranked["scenario"] == scenario].set_index("method")
        assert {who["method"] for who in week["methods"]} == set(own.index)
        assert week["bound_cost"] == pytest.approx(own["bound_cost"].iloc[0], abs=0.01)
        for who in week["methods"]:
            assert who["total_cost"] == pytest.approx(own.loc[who["method"], "total_cost"], abs=0.01)
            assert who["ranked_cost"] == pytest.approx(who["total_cost"], abs=0.01)
            assert who["saved"][-1] == pytest.approx(week["floor_cost"] - who["total_cost"], abs=0.51)
            assert all(len(modes) == week["steps"] for modes in who["modes"])
            assert set("".join(who["modes"])) <= {str(int(mode)) for mode in Mode}


def test_the_best_known_schedule_is_a_second_line_of_the_pictures(small_results: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_results, tmp_path / "results"))
    rows = json.loads((folder / "leaderboard.json").read_text())
    known = {"method": "best known schedule", "kind": "best known", "score_iqm": 0.8}
    rows += [{**rows[0], **known, "scenario": name} for name in ("toy", "all scenarios")]
    (folder / "leaderboard.json").write_text(json.dumps(rows))
    table = pd.read_parquet(folder / "episodes.parquet")
    table.loc[table["scenario"] == "toy", "best_known_cost"] = table["run_on_arrival_cost"] - 1.0
    table.to_parquet(folder / "episodes.parquet")
    assert wattward("report", folder).exit_code == 0
    data = data_of((folder / "report.html").read_text())
    lines = {board["name"]: board["best_known"] for board in data["boards"]}
    assert lines == {"toy": 0.8, "toy+heat-wave": None, "all scenarios": 0.8}
    assert all(row["kind"] == "rule" for board in data["boards"] for row in board["rows"])
    weeks = data["weeks"]
    assert weeks["toy"]["best_known_cost"] == pytest.approx(weeks["toy"]["floor_cost"] - 1.0, abs=0.02)
    assert weeks["toy+heat-wave"]["best_known_cost"] is None


def test_profiles_fall_from_all_runs_to_none(html: str) -> None:
    boards = {board["name"]: board for board in data_of(html)["boards"]}
    for board in boards.values():
        for name, shares in board["profiles"].items():
            assert shares == sorted(shares, reverse=True)
            tau = board["taus"][100]
            assert shares[100] == pytest.approx(np.mean(np.array(board["scores"][name]) > tau))


def test_the_ranking_and_the_facts_stand_in_the_page_without_a_script(html: str, small_results: Path) -> None:
    rows = json.loads((small_results / "leaderboard.json").read_text())
    for row in rows:
        assert f'<th scope="row">{row["method"]}</th>' in html
        assert f"<td>{row['score_iqm']:.3f}</td>" in html
    about = json.loads((small_results / "provenance.json").read_text())
    for fact in (about["code"], about["command"], *about["scenarios"].values(), *about["packages"].values()):
        assert str(fact) in html


def test_sources_sum_to_the_load_of_every_step() -> None:
    worlds = Worlds("jinshuitan-microgrid", "test")
    setting, played = replay.play(method("RunOnArrival"), worlds, 1)
    env = environment("jinshuitan-microgrid", None)
    env.reset(options={"split": "test", "episode": 1})
    modes = np.full(env.scenario.n_regions, Mode.RUN, dtype=np.int64)
    for step in range(len(setting.price_per_kwh)):
        env.step(modes)
        flows = env.flows
        load = flows.it_kw[0] + flows.cooling_kw[0] + flows.wan_kw[0] + flows.charge_kw[0]
        np.testing.assert_allclose(played.load_kw[step], load, rtol=1e-9)
        np.testing.assert_allclose(played.sources_kw["grid"][step], flows.grid_kw[0])
    assert played.kpis["total_cost"] == pytest.approx(played.total_cost.sum())


def test_blocks_keep_the_mean_and_what_stands_at_the_end() -> None:
    setting, played = replay.play(method("PeakOffset"), Worlds("toy", "test"), 0)
    floor = replay.play(method("RunOnArrival"), Worlds("toy", "test"), 0)[1]
    fine, coarse = (replay.as_replay(played, floor, every) for every in (1, 5))
    assert coarse["saved"][-1] == fine["saved"][-1]
    assert [series[-1] for series in coarse["queue"]] == [series[-1] for series in fine["queue"]]
    assert [modes[::5] for modes in fine["modes"]] == coarse["modes"]
    assert replay.as_setting(setting, 5)["steps"] == len(coarse["saved"]) == -(-len(fine["saved"]) // 5)
    np.testing.assert_allclose(replay.blocks_of(np.array([[1.0], [3.0], [8.0]]), 2), [[2.0], [8.0]])


def test_a_page_that_would_be_too_large_shows_means_of_several_steps(
    small_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.html"
    size = report.report(small_results, whole)
    monkeypatch.setattr(report, "MOST_BYTES", size - 1)
    smaller = tmp_path / "smaller.html"
    assert report.report(small_results, smaller) < size
    assert {week["averaged_steps"] for week in data_of(smaller.read_text())["weeks"].values()} == {2}
    monkeypatch.setattr(report, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match=r"never\.html: would have .* bytes; must be at most 1,000"):
        report.report(small_results, tmp_path / "never.html")
    assert not (tmp_path / "never.html").exists()


def test_who_cannot_be_played_again_is_named_and_the_page_is_still_written(small_results: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_results, tmp_path / "results"))
    rows = json.loads((folder / "leaderboard.json").read_text())
    for row in rows:
        if row["method"] == "Random":
            row.update(method="Elsewhere", kind="submitted", score_iqm=None, score_low=None, mark="broke 1 of 2")
    (folder / "leaderboard.json").write_text(json.dumps(rows))
    assert wattward("report", folder).exit_code == 0
    text = (folder / "report.html").read_text()
    assert "broke 1 of 2" in text
    for week in data_of(text)["weeks"].values():
        assert [line.split(":")[0] for line in week["left_out"]] == ["Elsewhere"]


def test_recorded_worlds_beside_drawn_ones_have_a_ranking_of_their_own() -> None:
    table = pd.DataFrame({"scenario": ["toy", "toy", "toy-sites"], "recorded": [0, 1, 1]})
    boards = {"toy", "toy (recorded)", "toy-sites"}
    assert list(report_data._with_boards(table, boards)["board"]) == ["toy", "toy (recorded)", "toy-sites"]


def test_a_trained_method_is_found_by_suite_or_by_folder(small_results: Path) -> None:
    read = report_data.read_results(small_results)
    folders = ("zoo/zhejiang-xinjiang/ppo/seed-1", "zoo/zhejiang-xinjiang/ppo/seed-2")
    row = {"method": "PPO", "kind": "learned"}
    by_suite = {"suite": {"checkpoints": [{"method": "PPO", "folders": list(folders)}]}}
    by_folder = {"suite": {"checkpoints": "shipped"}, "checkpoints": dict.fromkeys(folders, "digest")}
    for about in (by_suite, by_folder):
        results = report_data.Results(read.folder, read.rows, read.episodes, about)
        who = report_data.method_of(results, row, "zhejiang-xinjiang")
        assert (who.name, who.train_seed) == ("PPO", 1)


def test_a_replay_shows_one_policy_beside_running_on_arrival(tmp_path: Path) -> None:
    written = tmp_path / "week.html"
    shared = ("--scenario", "toy", "--cache", tmp_path / "cache", "--html", written)
    done = wattward("replay", "PeakOffset", "--seed", 3, *shared)
    assert done.exit_code == 0, done.output
    text = written.read_text()
    read = outline(text)
    assert read.open == []
    assert "week" in read.ids
    assert "ranking" not in read.ids
    (week,) = data_of(text)["weeks"].values()
    assert week["episode"] == 3
    assert [who["method"] for who in week["methods"]] == ["PeakOffset", "RunOnArrival"]
    assert week["bound_cost"] < min(who["total_cost"] for who in week["methods"])
    assert {len(modes) for who in week["methods"] for modes in who["modes"]} == {24}
    assert {*week["methods"][0]["modes"][0]} == {"0", "2"}, "orders are shown as the nearest modes"
    assert wattward("replay", "RunOnArrival", "--episode", 3, *shared).exit_code == 0
    (week,) = data_of(written.read_text())["weeks"].values()
    assert [who["method"] for who in week["methods"]] == ["RunOnArrival"]


def test_a_page_escapes_what_its_tables_and_facts_hold() -> None:
    row = {"method": "<i>", "kind": 'x"y', "scenario": "a<b", "score_iqm": 0.5}
    table = Table("a<b", report_data.columns_for([row])[:2], [row])
    text = page.render(Page("t", "l", [table, table], [("<k>", "<v>")]), {"boards": [], "weeks": {}})
    assert outline(text).open == []
    assert "<i>" not in text
    assert "&lt;k&gt;" in text
    assert 'data-board="a&lt;b"' in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report", "nowhere"), "nowhere: no such folder; must be one that `wattward leaderboard` wrote"),
        (("report", "."), "leaderboard.json is missing"),
        (("report", ".", "--out", "page.pdf"), "--out page.pdf: suffix '.pdf': must be .html"),
        (("replay", "PeakOffset", "--html", "page.png"), "--html page.png: suffix '.png': must be .html"),
        (("replay", "Nobody", "--html", "page.html"), "Nobody"),
        (("replay", "PeakOffset", "--html", "p.html", "--recording", "nowhere"), "--recording nowhere: no such folder"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = wattward(*arguments)
    assert done.exit_code == BAD_INPUT
    assert said in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("leaderboard.json", "{}", "leaderboard.json: must be a list of rows"),
        ("leaderboard.json", "[1]", "leaderboard.json: must be a list of rows"),
        ("provenance.json", "[]", "provenance.json: must be a JSON object"),
        ("episodes.parquet", "no parquet", "episodes.parquet: cannot be read as parquet"),
    ],
)
def test_a_spoilt_folder_is_refused_by_file(
    name: str, content: str, said: str, small_results: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(small_results, tmp_path / "results"))
    (folder / name).write_text(content)
    done = wattward("report", folder)
    assert done.exit_code == BAD_INPUT
    assert said in done.output
    assert not (folder / "report.html").exists()


def test_an_episode_that_was_not_ranked_is_refused(small_results: Path, tmp_path: Path) -> None:
    done = wattward("report", small_results, "--out", tmp_path / "page.html", "--episode", 7)
    assert done.exit_code == BAD_INPUT
    assert "--episode 7: must be one of those ranked, 0 to 1" in done.output
