"""Writes the page of published cases: every claim beside the simulator's result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from wattward.configs.files import write_json, write_text
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.common import tables
from wattward.experiments.common.provenance import provenance
from wattward.experiments.studies.cases import readings

COLUMNS = tuple((name.replace("_", " "), tables.text(name)) for name in ("what", "published", "wattward", "why"))
INTRODUCTION = """\
# Published cases

What grid companies and hubs have published, beside what this simulator says of it, and why the two differ.
Written by `make cases` from {episodes} test episodes of each scenario in {version} worlds; all work runs on arrival
unless a rule is named. A number that was set from a publication is called so; the scenarios' own pages
([scenarios](scenarios/README.md)) name the source of every other.
"""


def page(lines: Mapping[str, Sequence[Line]], rows: Sequence[readings.Row], episodes: int) -> str:
    """The page in Markdown; `rows` are the readings of the published saving, which follow the first case."""
    parts = [INTRODUCTION.format(episodes=episodes, version=WORLDS_VERSION)]
    for title, claims in lines.items():
        parts.append(f"## {title}\n\n{tables.markdown(COLUMNS, [_row(line) for line in claims])}")
    parts[2:2] = [readings.section(rows)]
    return "\n".join(parts)


def publish(
    lines: Mapping[str, Sequence[Line]], rows: Sequence[readings.Row], episodes: int, path: Path, facts: Path
) -> None:
    """Writes the page, and its lines and readings with their provenance as JSON."""
    claims = [{"case": title, **_row(line)} for title, found in lines.items() for line in found]
    write_json(facts, {"episodes": episodes, "rows": claims, "readings": list(rows), "provenance": provenance()})
    write_text(path, page(lines, rows, episodes))


def _row(line: Line) -> dict[str, str]:
    ours = re.sub(r"(?<![\w.])-(?=\d)", "−", line.ours)
    return {"what": line.what, "published": line.published, "wattward": ours, "why": line.why}


class Line(NamedTuple):
    """One claim: the published value, the simulator's value, and why they differ."""

    what: str
    published: str
    ours: str
    why: str
