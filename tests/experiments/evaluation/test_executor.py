"""Cells: cut, run once, kept, resumed after an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattward.experiments.common.records import Record
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
        return [{"method": who.name, "episode": episode} for episode in episodes]


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
