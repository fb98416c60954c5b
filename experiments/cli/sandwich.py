"""`wattward sandwich`. Heavy modules are imported inside, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattward.experiments.cli.options import Jobs, show


def sandwich(
    scenario: Annotated[list[str] | None, typer.Option("--scenario", help="By name; may be given again.")] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Episodes 0..N-1 of the split.")] = 4,
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
    relax: Annotated[
        bool, typer.Option("--relax", help="Also without each thing that the bound leaves out, and without them all.")
    ] = False,
    improve: Annotated[bool, typer.Option("--improve", help="Also improve the search's modes block by block.")] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder of the table.")] = Path("results/sandwich"),
    jobs: Jobs = 2,
) -> None:
    """Hold the bound against what can be done when all is known: its plan replayed, and a search."""
    from tqdm import tqdm

    from wattward.experiments.common import tables
    from wattward.experiments.studies.gap import gap as page

    rows: list[page.Row] = []
    for name in tqdm(scenario or ["zhejiang-xinjiang"], desc="sandwich", unit="scenario", leave=False):
        rows += page.sandwich(name, range(episodes), split=split, jobs=jobs, relax=relax, improve=improve)
    paths = page.publish(rows, out, "relaxed" if relax else "improved" if improve else "sandwich")
    show(tables.terminal(page.COLUMNS, page.means(rows), "between the bound and what can be done"))
    typer.echo(f"{paths[0]}\n{paths[1]}")
