"""Builds the grid of methods and worlds of a suite, and runs it in cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wattward.configs import ConfigError
from wattward.configs.loading.worlds import DISTURBED_BY
from wattward.configs.schema.suite import Suite
from wattward.experiments.common.records import PACKAGE, Record
from wattward.experiments.evaluation import submissions
from wattward.experiments.evaluation.evaluate import Worlds, check_fit
from wattward.experiments.evaluation.executor import Cell, Executor, blocks, run_cells
from wattward.experiments.evaluation.methods import Method, checkpoint, method, submitted

ZOO = PACKAGE / "agents" / "zoo"
EPISODES_PER_CELL = 5


def worlds_of(suite: Suite) -> list[Worlds]:
    """The worlds of a suite, drawn ones first. Recorded worlds need a recording."""
    drawn = None if suite.recording and not suite.also_recorded else False
    source = suite.recording if drawn is None else None
    first = [Worlds(name, suite.split, source, suite.bound) for name in suite.scenarios]
    recorded = suite.also_recorded if suite.recording else ()
    return first + [Worlds(name, suite.split, suite.recording, suite.bound) for name in recorded]


def methods_of(suite: Suite, scenario: str, *, learned: bool = True, more: Sequence[str] = ()) -> list[Method]:
    """Every method of a suite on one of its scenarios, one for each training seed.

    Args:
        suite: the suite.
        scenario: one of its scenarios.
        learned: whether trained agents of the suite take part.
        more: names of further methods, for every scenario.

    Raises:
        ConfigError: a method is unknown, missing, damaged, or listed twice.
    """
    from wattward import baselines

    rules = baselines.names() if suite.rules == "all" else suite.rules
    found = [method(rule) for rule in (*rules, *suite.also)]
    if suite.rules == "all":
        found += [submitted(where, name) for name, where in submissions.installed().items()]
    found += [checkpoint(name, folder) for name, folder in checkpoints_of(suite, scenario)] if learned else []
    found += [who for who in map(method, dict.fromkeys(more)) if who not in found]
    met: set[tuple[str, int | None]] = set()
    for who in found:
        if (who.name, who.train_seed) in met:
            seeded = "" if who.train_seed is None else f" of training seed {who.train_seed}"
            raise ConfigError(f"suite {suite.name}: two methods are called {who.name!r}{seeded}")
        met.add((who.name, who.train_seed))
    return found


def checkpoints_of(suite: Suite, scenario: str) -> list[tuple[str, str]]:
    """Name and folder of each trained agent that plays a scenario of a suite."""
    if suite.checkpoints != "shipped":
        playing = [entry for entry in suite.checkpoints if entry.scenarios is None or scenario in entry.scenarios]
        return [(entry.method, folder) for entry in playing for folder in entry.folders]
    if DISTURBED_BY in scenario:
        return []
    folders = sorted(path.parent for path in (ZOO / scenario).glob("*/seed-*/checkpoint.json"))
    return [(folder.parent.name.upper(), str(folder.relative_to(PACKAGE / "agents"))) for folder in folders]


def cells_of(suite: Suite, *, learned: bool = True, more: Sequence[str] = ()) -> list[Cell]:
    """The grid of a suite. Arguments and errors are those of `methods_of`."""
    return [
        Cell(who, worlds, first, after_last)
        for worlds in worlds_of(suite)
        for who in methods_of(suite, worlds.scenario, learned=learned, more=more)
        for first, after_last in blocks(suite.episodes, suite.episodes_per_cell)
    ]


def run_suite(
    suite: Suite,
    cache_dir: Path,
    *,
    jobs: int = 2,
    learned: bool = True,
    more: Sequence[str] = (),
    progress: bool = True,
    executor: Executor = "local",
) -> list[Record]:
    """Records of every method on every episode of a suite.

    Raises:
        ConfigError: the suite names something that cannot be used. This is found before the first episode runs.
    """
    cells = cells_of(suite, learned=learned, more=more)
    for worlds in worlds_of(suite):
        check_fit(dict.fromkeys(cell.who for cell in cells if cell.worlds == worlds), worlds)
    return run_cells(cells, cache_dir, jobs=jobs, progress=progress, executor=executor)


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


def submitted_to(suite: Suite, *, learned: bool = True, more: Sequence[str] = ()) -> dict[str, dict[str, str]]:
    """Location and digest of methods of other packages in a suite, by name."""
    found = methods_of(suite, suite.scenarios[0], learned=learned, more=more)
    return {who.name: {"factory": who.factory, "content": who.content} for who in found if who.factory is not None}


def check_versus(suite: Suite, versus: str | None, *, learned: bool = True, more: Sequence[str] = ()) -> None:
    """Checks that a method to compare with takes part.

    Raises:
        ConfigError: it does not. The message lists the methods that do.
    """
    if versus is None:
        return
    names = {who.name for w in worlds_of(suite) for who in methods_of(suite, w.scenario, learned=learned, more=more)}
    if versus not in names:
        raise ConfigError(f"--versus {versus}: must be one of {', '.join(sorted(names))}")
