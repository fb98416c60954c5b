"""Lists what wattward ships, by kind: names that commands accept, with one line about each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from wattward.baselines import registry
from wattward.configs.generate import members, scale
from wattward.configs.loading.experiments import load_suite
from wattward.configs.loading.reading import find, names
from wattward.configs.loading.worlds import load_preset, load_scenario, load_tokens
from wattward.experiments.common.provenance import PACKAGE
from wattward.experiments.evaluation import submissions

KINDS = {
    "scenarios": "`wattward describe NAME` shows one, and a day of it",
    "methods": "policies that need no training; `wattward evaluate NAME` plays one",
    "agents": "shipped ones (zoo/...), and settings for `wattward train NAME`",
    "suites": "comparisons; `wattward leaderboard NAME` runs one",
    "presets": "behind a scenario, what disturbs it; prices of tokens (--tokens NAME)",
}


class Listed(NamedTuple):
    """One entry of the catalogue."""

    kind: str
    name: str
    summary: str


def catalogue(kind: str) -> list[Listed]:
    """All entries of one of `KINDS`, in the order in which they are shown."""
    return [Listed(kind, name, summary) for name, summary in _LISTS[kind]()]


def _scenarios() -> Iterator[tuple[str, str]]:
    for name in names("scenarios"):
        yield name, load_scenario(name).title
    for family in (scale, members):
        yield family.FAMILY, family.summary()


def _methods() -> Iterator[tuple[str, str]]:
    for name, entry in (registry.RULES | registry.VARIANTS).items():
        yield name, entry.summary()
    yield f"RULE{registry.VOTED_END}", registry.VOTED.summary()
    for name, where in submissions.installed().items():
        yield name, f"of an installed package: {where}"


def _agents() -> Iterator[tuple[str, str]]:
    for card in sorted((PACKAGE / "agents" / "zoo").glob("*/*/card.json")):
        agent = card.parent
        found = json.loads(card.read_text(encoding="utf-8"))["seeds"]
        saved = [run["validation_saving"] for run in found if run["validation_saving"] is not None]
        told = f", saves {sum(saved) / len(saved):.1%} in validation" if saved else ""
        name = agent.relative_to(PACKAGE / "agents").as_posix()
        yield f"{name}/seed-N", f"{len(found)} training seeds from 0{told}"
    for name in names("agents"):
        yield name, _first_sentence(find("agents", name))


def _first_sentence(path: Path) -> str:
    """First sentence of the comment at the top of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = " ".join(line.removeprefix("#").strip() for line in takewhile(lambda line: line.startswith("#"), lines))
    return comment.partition(". ")[0].rstrip(".")


def _suites() -> Iterator[tuple[str, str]]:
    for name in names("suites"):
        yield name, load_suite(name).title


def _presets() -> Iterator[tuple[str, str]]:
    for name in names("disturbances"):
        yield f"+{name}", load_preset(name).title
    for name in names("tokens"):
        yield name, f"tokens: {load_tokens(name).title}"


_LISTS: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
    "scenarios": _scenarios,
    "methods": _methods,
    "agents": _agents,
    "suites": _suites,
    "presets": _presets,
}
