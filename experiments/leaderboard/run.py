"""Runs the grid of a suite, or some methods on one scenario."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wattward.configs.schema.suite import Suite
from wattward.experiments.common.records import Record
from wattward.experiments.evaluation.cells import Cell, blocks
from wattward.experiments.evaluation.executor import BestKnown, Executor, run_cells
from wattward.experiments.evaluation.methods import method
from wattward.experiments.evaluation.playing import check_fit
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.leaderboard.contents import worlds_of
from wattward.experiments.leaderboard.suites import cells_of

EPISODES_PER_CELL = 5


def run_suite(
    suite: Suite,
    cache_dir: Path,
    *,
    jobs: int = 2,
    learned: bool = True,
    more: Sequence[str] = (),
    progress: bool = True,
    executor: Executor = "local",
    best_known: BestKnown | None = None,
) -> list[Record]:
    """Records of every method on every episode of a suite.

    If `best_known` is given, every record also has the cost of the best known schedule that it computes.

    Raises:
        ConfigError: the suite names something that cannot be used. This is found before the first episode runs.
    """
    cells = cells_of(suite, learned=learned, more=more)
    for worlds in worlds_of(suite):
        check_fit(dict.fromkeys(cell.who for cell in cells if cell.worlds == worlds), worlds)
    return run_cells(cells, cache_dir, jobs=jobs, progress=progress, executor=executor, best_known=best_known)


def run_methods(
    names: Sequence[str],
    worlds: Worlds,
    episodes: int,
    cache_dir: Path,
    *,
    seed: int = 0,
    jobs: int = 2,
    trust_pickle: bool = False,
    progress: bool = True,
    executor: Executor = "local",
) -> list[Record]:
    """Records of methods, given as rule names, checkpoints or factories, on episodes 0..n-1.

    Raises:
        ConfigError: a method, the scenario or the recording cannot be used. This is found before the first episode
            runs.
    """
    found = [method(name, trust_pickle=trust_pickle) for name in dict.fromkeys(names)]
    check_fit(found, worlds)
    cells = [
        Cell(who, worlds, first, last, seed) for who in found for first, last in blocks(episodes, EPISODES_PER_CELL)
    ]
    return run_cells(cells, cache_dir, jobs=jobs, progress=progress, executor=executor)
