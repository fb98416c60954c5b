"""Cells: cut, run once, kept, resumed after an interruption."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattward.configs import ConfigError
from wattward.experiments.common.finished_work import write_finished
from wattward.experiments.common.records import BEST_KNOWN_COST, FAILURE, Record
from wattward.experiments.evaluation import cells as cell_module
from wattward.experiments.evaluation import executor
from wattward.experiments.evaluation.cells import Cell, blocks
from wattward.experiments.evaluation.executor import run_cells
from wattward.experiments.evaluation.methods import Method, method
from wattward.experiments.evaluation.playing import References
from wattward.experiments.evaluation.worlds import Worlds

TOY = Worlds("toy")


def cells(n_blocks: int = 3) -> list[Cell]:
    return [Cell(Method("RunOnArrival"), TOY, 2 * k, 2 * k + 2) for k in range(n_blocks)]


class Worker:
    """Stands in for an evaluation; counts what it was asked to do and can be interrupted."""

    def __init__(self, interrupt_at: int = -1) -> None:
        self.asked: list[range] = []
        self.interrupt_at = interrupt_at

    def __call__(
        self, who: Method, worlds: Worlds, episodes: range, against: Sequence[References], *, seed: int = 0
    ) -> list[Record]:
        if len(self.asked) == self.interrupt_at:
            raise KeyboardInterrupt
        self.asked.append(episodes)
        return [record(who, worlds, episode) for episode in episodes]


def record(who: Method, worlds: Worlds, episode: int) -> Record:
    about: Record = {"method": who.name, "train_seed": None, "scenario": worlds.scenario, "split": worlds.split}
    costs: Record = {"run_on_arrival_cost": 100.0, "bound_cost": 50.0, "total_cost": 75.0, "score": 0.5}
    return about | {"episode": episode} | costs


@pytest.fixture
def no_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "compute_references", lambda *_: References(100.0, 50.0))


@given(st.integers(1, 60), st.integers(1, 20))
def test_blocks_cover_every_episode_once(n_episodes: int, per_cell: int) -> None:
    parts = blocks(n_episodes, per_cell)
    assert [episode for first, last in parts for episode in range(first, last)] == list(range(n_episodes))
    assert all(0 < last - first <= per_cell for first, last in parts)


@pytest.mark.usefixtures("no_references")
def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker()
    monkeypatch.setattr(executor, "play", worker)
    first = run_cells(cells(), tmp_path, jobs=1, progress=False)
    assert [record["episode"] for record in first] == [0, 1, 2, 3, 4, 5]
    assert run_cells(cells(), tmp_path, jobs=1, progress=False) == first
    assert len(worker.asked) == 3


@pytest.mark.usefixtures("no_references")
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "play", Worker(interrupt_at=2))
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells(), tmp_path, jobs=1, progress=False)
    rest = Worker()
    monkeypatch.setattr(executor, "play", rest)
    assert len(run_cells(cells(), tmp_path, jobs=1, progress=False)) == 6
    assert rest.asked == [range(4, 6)]


@pytest.mark.usefixtures("no_references")
def test_a_damaged_result_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker()
    monkeypatch.setattr(executor, "play", worker)
    whole = run_cells(cells(1), tmp_path, jobs=1, progress=False)
    for path in (tmp_path / "cells").iterdir():
        path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    assert run_cells(cells(1), tmp_path, jobs=1, progress=False) == whole
    assert len(worker.asked) == 2


@pytest.mark.parametrize("content", ["[]", "5", "[1, 2]", '[{"method": "Random", "episode": 0}]'])
@pytest.mark.usefixtures("no_references")
def test_what_is_not_of_the_cell_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    worker = Worker()
    monkeypatch.setattr(executor, "play", worker)
    whole = run_cells(cells(1), tmp_path, jobs=1, progress=False)
    for path in (tmp_path / "cells").iterdir():
        write_finished(path, json.loads(content))
    assert run_cells(cells(1), tmp_path, jobs=1, progress=False) == whole
    assert len(worker.asked) == 2


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("75.0", "55.0"),
        lambda text: text.replace("100.0", "110.0"),
        lambda text: text.replace("60.0", "55.0"),
        lambda text: json.dumps(json.loads(text)["content"]),
    ],
)
def test_what_was_altered_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Callable[[str], str]
) -> None:
    monkeypatch.setattr(executor, "play", Worker())
    monkeypatch.setattr(executor, "compute_references", lambda *_: References(100.0, 50.0))
    whole = run_cells(cells(1), tmp_path, jobs=1, progress=False, best_known=searched)
    kept = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.json")}
    assert {path.parent.name for path in kept} == {"cells", "references", "best-known"}
    for path, text in kept.items():
        path.write_text(edit(text), encoding="utf-8")
    altered = {path for path, text in kept.items() if edit(text) != text}
    assert altered
    assert run_cells(cells(1), tmp_path, jobs=1, progress=False, best_known=searched) == whole
    assert {path: path.read_text(encoding="utf-8") for path in altered} == {path: kept[path] for path in altered}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"score": 99.0}, "its score is 99.0; must be at most 1"),
        ({"total_cost": 49.0}, "costs 49.0, less than the hindsight bound, 50.0"),
        ({"total_cost": None}, "its total_cost is None; must be a finite number"),
    ],
)
@pytest.mark.usefixtures("no_references")
def test_an_impossible_episode_stops_the_run_and_what_others_finished_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Record, said: str
) -> None:
    class Wrong(Worker):
        def __call__(self, who: Method, worlds: Worlds, episodes: range, *more: Any, **options: Any) -> list[Record]:
            played = super().__call__(who, worlds, episodes, *more, **options)
            return [one | (wrong if who.name == "Random" else {}) for one in played]

    grid = [Cell(Method(name), TOY, 0, 2) for name in ("RunOnArrival", "Random")]
    monkeypatch.setattr(executor, "play", Wrong())
    with pytest.raises(ConfigError, match=rf"^method Random, scenario toy, test episode 0: {re.escape(said)}"):
        run_cells(grid, tmp_path, jobs=1, progress=False)
    rest = Worker()
    monkeypatch.setattr(executor, "play", rest)
    run_cells(grid[:1], tmp_path, jobs=1, progress=False)
    assert rest.asked == []


ASKED: list[int] = []


def searched(worlds: Worlds, episode: int) -> float:
    """A search that knows a schedule for any world."""
    assert worlds == TOY
    ASKED.append(episode)
    return 60.0 + episode


def impossible(_: Worlds, episode: int) -> float:
    return 49.0 + episode


@pytest.mark.usefixtures("no_references")
def test_the_best_known_schedule_of_an_episode_is_computed_once_for_all_methods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "play", Worker())
    ASKED.clear()
    grid = [Cell(Method(name), TOY, 0, 2) for name in ("RunOnArrival", "Random")]
    for _ in range(2):
        records = run_cells(grid, tmp_path, jobs=1, progress=False, best_known=searched)
        assert [one[BEST_KNOWN_COST] for one in records] == [60.0, 61.0, 60.0, 61.0]
    assert ASKED == [0, 1]
    assert all(BEST_KNOWN_COST not in one for one in run_cells(grid, tmp_path, jobs=1, progress=False))
    told = r"test episode 0: the best known schedule costs 49\.0, less than the hindsight bound, 50\.0"
    with pytest.raises(ConfigError, match=told):
        run_cells(grid, tmp_path, jobs=1, progress=False, best_known=impossible)


@pytest.mark.usefixtures("no_references")
def test_a_cell_with_a_failed_episode_is_tried_again_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Worker):
        def __call__(self, *given: Any, **options: Any) -> list[Record]:
            played = super().__call__(*given, **options)
            return [one | {"score": None, "total_cost": None, FAILURE: "step 0: it raised"} for one in played]

    monkeypatch.setattr(executor, "play", Failing())
    failed = run_cells(cells(1), tmp_path, jobs=1, progress=False)
    assert [one[FAILURE] for one in failed] == ["step 0: it raised"] * 2
    mended = Worker()
    monkeypatch.setattr(executor, "play", mended)
    assert all(FAILURE not in one for one in run_cells(cells(1), tmp_path, jobs=1, progress=False))
    assert len(mended.asked) == 1


def test_a_cell_is_named_by_everything_that_determines_it() -> None:
    who = Method("PPO", Path("a"), 0, "weights")
    same = Cell(Method("PPO", Path("b"), 0, "weights"), TOY, 0, 5)
    assert same.name() == Cell(who, TOY, 0, 5).name()
    others = [
        Cell(Method("PPO", Path("a"), 0, "other weights"), TOY, 0, 5),
        Cell(Method("PPO", Path("a"), 1, "weights"), TOY, 0, 5),
        Cell(who, Worlds("toy", "train"), 0, 5),
        Cell(who, TOY, 0, 4),
        Cell(who, TOY, 0, 5, seed=1),
    ]
    assert len({cell.name() for cell in [same, *others]}) == 6


def test_only_trained_agents_are_played_again_when_their_code_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    rule, agent = Cell(Method("Random"), TOY, 0, 5), Cell(Method("PPO", Path("a"), 0, "weights"), TOY, 0, 5)
    before = rule.name(), agent.name()
    monkeypatch.setattr(cell_module, "code_digest", lambda: "another network")
    assert rule.name() == before[0]
    assert agent.name() != before[1]


def test_one_process_and_two_give_the_same_records(tmp_path: Path) -> None:
    grid = [Cell(method("Random"), TOY, k, k + 1) for k in range(2)]
    one, two = (run_cells(grid, tmp_path / str(jobs), jobs=jobs, progress=False) for jobs in (1, 2))
    assert [{**record, "decision_us": 0} for record in one] == [{**record, "decision_us": 0} for record in two]
