"""`wattward cases`. Heavy modules are imported inside, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def cases(
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Test episodes of each scenario.")] = 20,
    out: Annotated[Path, typer.Option("--out", help="The page.")] = Path("docs/cases.md"),
    facts: Annotated[Path, typer.Option("--json", help="The same lines as data.")] = Path(
        "results/cases/published.json"
    ),
) -> None:
    """Set every published case beside what the simulator says of it, as a page."""
    from tqdm import tqdm

    from wattward.experiments.studies.cases.claims import CASES, Line
    from wattward.experiments.studies.cases.page import measured, publish

    lines: dict[str, list[Line]] = {}
    for title in tqdm(CASES, desc="cases", unit="case", leave=False):
        lines |= measured(episodes, [title])
    publish(lines, episodes, out, facts)
    typer.echo(f"{out}\n{facts}")
