"""Builds the grid of methods and worlds of a suite, and divides it into cells."""

from __future__ import annotations

from collections.abc import Sequence

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.suite import Suite
from wattward.experiments.evaluation import submissions
from wattward.experiments.evaluation.cells import Cell, blocks
from wattward.experiments.evaluation.methods import Method, checkpoint, method, submitted
from wattward.experiments.leaderboard.contents import checkpoints_of, worlds_of


def methods_of(suite: Suite, scenario: str, *, learned: bool = True, more: Sequence[str] = ()) -> list[Method]:
    """Every method of a suite on one of its scenarios, one for each training seed.

    Args:
        suite: the suite.
        scenario: one of its scenarios.
        learned: whether trained agents of the suite take part.
        more: names of further methods, for every scenario.

    Raises:
        ConfigError: a method is unknown, missing, damaged, or listed twice, or sees the future.
    """
    from wattward.baselines import registry

    rules = registry.names() if suite.rules == "all" else suite.rules
    found = [method(rule) for rule in (*rules, *suite.also)]
    if suite.rules == "all":
        found += [submitted(where, name) for name, where in submissions.installed().items()]
    found += [checkpoint(name, folder) for name, folder in checkpoints_of(suite, scenario)] if learned else []
    found += [who for who in map(method, dict.fromkeys(more)) if who not in found]
    _refuse_diagnostics(suite, found)
    met: set[tuple[str, int | None]] = set()
    for who in found:
        if (who.name, who.train_seed) in met:
            seeded = "" if who.train_seed is None else f" of training seed {who.train_seed}"
            raise ConfigError(f"suite {suite.name}: two methods are called {who.name!r}{seeded}")
        met.add((who.name, who.train_seed))
    return found


def _refuse_diagnostics(suite: Suite, methods: Sequence[Method]) -> None:
    for who in methods:
        if who.is_diagnostic:
            raise ConfigError(f"suite {suite.name}: {who.name} sees the future; such a diagnostic is never ranked")


def cells_of(suite: Suite, *, learned: bool = True, more: Sequence[str] = ()) -> list[Cell]:
    """The grid of a suite. Arguments and errors are those of `methods_of`."""
    return [
        Cell(who, worlds, first, after_last)
        for worlds in worlds_of(suite)
        for who in methods_of(suite, worlds.scenario, learned=learned, more=more)
        for first, after_last in blocks(suite.episodes, suite.episodes_per_cell)
    ]


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
