"""Makes the results block of the README from published result files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wattward.configs.schema.base import ConfigError
from wattward.experiments.common import captions, tables
from wattward.experiments.common.pages import read_between, rewrite_between
from wattward.experiments.common.provenance import worlds_version
from wattward.experiments.common.tables import ALL

COLUMNS = (*tables.LEADERBOARD, *(column for column in tables.PAGE if column[0] == "in band"))
"""Columns of the leaderboard, without times, which differ from run to run."""
MAIN = "zhejiang-xinjiang"
"""The scenario whose board is shown in full."""
BEST_RULE, PUBLISHED_RULE = "best rule", "PeakOffset"
BEST_KNOWN = "best known schedule"
PICTURE = "![score by method](results/{}/leaderboard.png)\n"
BEGIN, END = "<!-- results:begin -->\n", "<!-- results:end -->"


def results_block(results: Path) -> str:
    """The Markdown between the README's markers.

    Args:
        results: The folder that holds leaderboard.json and provenance.json in standard/, or else in quick/, and
            cases/zhejiang-xinjiang.json.

    Raises:
        ConfigError: a file is missing; the message says which command writes it.
    """
    suite = "standard" if (results / "standard" / "leaderboard.json").is_file() else "quick"
    every = _read(results / suite / "leaderboard.json", f"wattward leaderboard {suite}")
    version = _version(results / suite / "provenance.json", f"wattward leaderboard {suite}")
    labels = list(dict.fromkeys(row["scenario"] for row in every))
    shown = MAIN if MAIN in labels else labels[-1]
    rows = [row for row in every if row["scenario"] == shown and _stands_out(row)]
    side_by_side = ""
    if len(labels) > 1:
        link = f"[results/{suite}](results/{suite}/leaderboard.md)"
        whole = f"All methods everywhere: {link}. On `{shown}` (without rules that score below 0):\n"
        side_by_side = f"{tables.markdown(*_by_scenario(every))}\n{PICTURE.format(suite)}\n{whole}"
    over_all = "Over all scenarios, each value is the plain mean of the scenarios' values. " if len(labels) > 1 else ""
    worlds = f"{len(labels) - (ALL in labels)} scenarios" if len(labels) > 1 else f"`{shown}`"
    case = _read(results / "cases" / "zhejiang-xinjiang.json", "wattward study case zhejiang-xinjiang --recording DIR")
    episodes = case["rows"][0]["episodes"]
    return (
        f"`wattward leaderboard {suite}` plays {rows[0]['episodes']} test episodes of {worlds} in {version} worlds, "
        "the same for every method. Scores of a scenario are interquartile means with 95 % bootstrap intervals over "
        f"training seeds and episodes. {over_all}{tables.IMPROVEMENT[0].capitalize()}: how often a run scores higher "
        "than a run of the best rule on the same episode; optimisers and agents are not rules. Late: GPU-h that missed "
        "their deadline, per episode. In band: share of the time that a site is at 60–80 % load. "
        f"{captions.legend(every)}".rstrip()
        + f"\n\n{side_by_side or PICTURE.format(suite)}\n{tables.markdown(COLUMNS, rows)}\n"
        f"{captions.best(rows)}\n\n"
        "**The published case.** `wattward study case zhejiang-xinjiang --recording DIR --episodes "
        f"{episodes}` compares the peak-offset rule with RunOnArrival under both tariffs, in drawn worlds and with the "
        f"recorded sun, wind and requests of [docs/recordings.md](docs/recordings.md). Worlds: "
        f"{worlds_version(case.get('provenance', {}))}. Published: {case['published']}."
        f"\n\n{tables.markdown(tables.CASE, case['rows'])}"
    )


def _by_scenario(every: list[tables.Row]) -> tuple[tuple[tables.Column, ...], list[tables.Row]]:
    """One row for each scenario: what the bound saves, then scores of agents, optimisers, the best rule, PeakOffset."""
    stand = [row["method"] for kind in ("learned", "optimiser") for row in every if row["kind"] == kind]
    columns: list[tables.Column] = [
        ("scenario", tables.text("scenario")),
        ("bound saves", tables.number("bound", ".1%")),
    ]
    if any(row["kind"] == "best known" for row in every):
        columns.append((BEST_KNOWN, tables.text(BEST_KNOWN)))
    columns += [(name, tables.text(name)) for name in (*dict.fromkeys(stand), BEST_RULE, PUBLISHED_RULE)]
    labels = sorted(dict.fromkeys(row["scenario"] for row in every), key=lambda label: label != ALL)
    missing = dict.fromkeys((name for name, _ in columns), "missing")
    return tuple(columns), [
        missing | _row(label, [row for row in every if row["scenario"] == label]) for label in labels
    ]


def _row(label: str, rows: list[tables.Row]) -> dict[str, Any]:
    best = captions.best_of(rows, "rule")
    bound = next((row["saving"] for row in rows if row["kind"] == "bound"), None)
    shown = {} if best is None else {BEST_RULE: f"{best['score_iqm']:.3f} {captions.named(best)}"}
    return {row["method"]: tables.scored(row) for row in rows} | {"scenario": label, "bound": bound} | shown


def _stands_out(row: tables.Row) -> bool:
    return row["method"] == PUBLISHED_RULE or (row["score_iqm"] is not None and row["score_iqm"] >= 0)


def update(readme: Path, results: Path) -> None:
    """Rewrites the results block of a README.

    Raises:
        ConfigError: the README lacks a marker, or a result file is missing.
    """
    read_between(readme, BEGIN, END)
    rewrite_between(readme, BEGIN, END, results_block(results))


def _version(path: Path, command: str) -> str:
    """The version of the worlds of a results folder, from its provenance."""
    return worlds_version(_read(path, command))


def _read(path: Path, command: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; `{command}` writes it")
    return json.loads(path.read_text(encoding="utf-8"))
