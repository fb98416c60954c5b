"""`wattward curves`. Heavy modules are imported inside, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattward.experiments.cli.options import show


def curves(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of runs, and curves.json files for runs that are gone; `runs` by default."),
    ] = None,
    rule: Annotated[str, typer.Option("--rule", help="The rule whose saving is to be reached.")] = "Threshold-pull-0.5",
    out: Annotated[Path, typer.Option("--out", help="Folder of table and picture.")] = Path("results/curves"),
) -> None:
    """Draw training runs' validation curves, and say how soon each reaches what a rule saves on the same episodes."""
    from tqdm import tqdm

    from wattward.configs.loading.experiments import load_agent
    from wattward.experiments.common import tables
    from wattward.experiments.training import curves as page

    found, known = page.gathered(sources or [Path("runs")])
    drawn = {curve.scenario for curve in found}
    levels = {scenario: level for scenario, level in known.items() if level.rule == rule and scenario in drawn}
    for curve in tqdm(found, unit="run", leave=False):
        if curve.scenario not in levels:
            episodes = load_agent(curve.agent, curve.scenario).validation_episodes
            levels[curve.scenario] = page.level(curve.scenario, rule, episodes)
    paths = page.publish(found, levels, out)
    show(tables.terminal(page.COLUMNS, page.rows(found, levels), "learning curves"))
    typer.echo("\n".join(map(str, paths)))
