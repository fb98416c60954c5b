"""Makes one HTML page that works without network: tables, and pictures that Plotly draws from embedded data."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from wattward.configs.schema.base import ConfigError
from wattward.experiments.common import captions, tables
from wattward.experiments.common.tables import Column, Row

WEB = Path(__file__).with_name("web")
MOST_BYTES = 6_000_000
"""Largest size of a page."""
MEANINGS = {
    "score": "0 is RunOnArrival, 1 the hindsight bound; interquartile mean over training seeds and episodes of a "
    "scenario, and the plain mean of these over all scenarios",
    "95 % interval": "bootstrap over training seeds and episodes within each scenario",
    "5 %": "5th percentile: one run in twenty scores less",
    "rank held": "share of resamples in which the method keeps this rank",
    tables.IMPROVEMENT[0]: "how often a run scores higher than a run of the best rule on the same episode",
    "saving": "of total cost, against running on arrival",
    "late GPU-h": "work that missed its deadline, per episode",
    "green": "share of the energy that was green",
    "in band": "share of the time within the scenario's load band",
    "µs": "mean time of one decision",
}
"""Explanations of the headings of a ranking."""


class Table(NamedTuple):
    """A ranking as a table."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Row]


class Page(NamedTuple):
    """Texts and tables of a page."""

    title: str
    lead: str  # a sentence or two
    tables: Sequence[Table]  # rankings; the first is visible at the start. Empty for a single policy
    facts: Sequence[tuple[str, str]]  # facts for reproduction


def render(page: Page, data: Mapping[str, Any]) -> str:
    """The whole page as HTML.

    Args:
        page: texts and tables.
        data: data of the pictures under "boards" and "weeks"; anything JSON can hold.

    Raises:
        ConfigError: Plotly is not installed.
    """
    tables = page.tables
    heading = "The same week, method by method" if tables else "The week, step by step"
    week = _read("week.html").replace("{{HEADING}}", heading) if data["weeks"] else ""
    sections = [_ranking(tables), _matrix(tables), week, _facts(page.facts)]
    filled = {
        "TITLE": escape(page.title),
        "LEAD": escape(page.lead),
        "STYLE": _read("report.css"),
        "SECTIONS": "\n".join(section for section in sections if section),
        "PLOTLY": _plotly(),
        "DATA": _packed(json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)),
        "SCRIPT": "\n".join(_read(name) for name in ("base.js", "boards.js", "week.js", "start.js")),
    }
    before, *parts = _read("page.html").split("{{")
    pieces = [part.split("}}", 1) for part in parts]
    return before + "".join(filled[name] + after for name, after in pieces)


@cache
def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ConfigError("plotly is not installed: pip install 'wattward[report]'") from error
    return _packed(get_plotlyjs())


def _packed(text: str) -> str:
    """Packs a text for the page's script: gzip, then base64. Equal texts give equal bytes."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


@cache
def _read(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def _ranking(tables: Sequence[Table]) -> str:
    if not tables:
        return ""
    options = "".join(f"<option>{escape(table.name)}</option>" for table in tables)
    written = "\n".join(_table(table, shown=place == 0) for place, table in enumerate(tables))
    hidden = " hidden" if len(tables) == 1 else ""
    chosen = f'<label class="choice"{hidden}>Ranking <select id="board">{options}</select></label>'
    return _read("boards.html").replace("{{CHOICE}}", chosen).replace("{{TABLES}}", written)


def _table(table: Table, *, shown: bool) -> str:
    heads = "".join(_heading(name) for name, _ in table.columns)
    body = "\n".join(
        f'<tr class="{escape(str(row["kind"]))}">{_cells([cell(row) for _, cell in table.columns])}</tr>'
        for row in table.rows
    )
    opening = f'<div class="ranking" data-board="{escape(table.name)}"{"" if shown else " hidden"}>'
    rows = f'<table class="sortable"><thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
    said = escape(" ".join((captions.caption(table.rows), captions.legend(table.rows))).strip())
    return f'{opening}<div class="scroll">{rows}</div>\n<p class="note">{said}</p></div>'


def _heading(name: str) -> str:
    meaning = f' title="{escape(MEANINGS[name])}"' if name in MEANINGS else ""
    return f'<th scope="col"{meaning}><button type="button">{escape(name)}</button></th>'


def _cells(values: Sequence[str]) -> str:
    first, *others = (escape(value) for value in values)
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{value}</td>" for value in others)


def _matrix(rankings: Sequence[Table]) -> str:
    """Scores by ranking, one row for each method; empty for a single ranking."""
    if len(rankings) < 2:
        return ""
    found = {ranking.name: {row["method"]: row for row in ranking.rows} for ranking in rankings}
    methods = dict.fromkeys(row["method"] for ranking in rankings for row in ranking.rows if row["kind"] != "bound")
    heads = "".join(_heading(name) for name in ("method", *found))
    lines = [
        f'<tr><th scope="row">{escape(str(who))}</th>{"".join(_heat(own.get(who)) for own in found.values())}</tr>'
        for who in methods
    ]
    body = "\n".join(lines)
    table = f'<table class="sortable heat"><thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
    return (
        '<section id="scenarios"><h2>Score by scenario</h2>\n'
        '<p class="note">Interquartile means, and over all scenarios their plain mean; the same scale throughout. '
        f"{escape(captions.legend([row for ranking in rankings for row in ranking.rows]))}</p>\n"
        f'<div class="scroll">{table}</div></section>'
    )


def _heat(row: Row | None) -> str:
    score = None if row is None else row.get("score_iqm")
    mark = escape(str((row or {}).get("mark") or ("" if row else "missing")))
    if score is None:
        return f"<td>{mark or tables.MISSING}</td>"
    share = min(1.0, abs(score))
    said = f"{score:.2f} {mark}".rstrip()
    return f'<td class="{"gain" if score >= 0 else "loss"}" style="--share:{share:.2f}">{said}</td>'


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    rows = "\n".join(f'<tr><th scope="row">{escape(key)}</th><td>{escape(value)}</td></tr>' for key, value in facts)
    return (
        '<section id="facts"><h2>How to reproduce it</h2>\n'
        f'<div class="scroll"><table class="facts"><tbody>\n{rows}\n</tbody></table></div></section>'
    )
