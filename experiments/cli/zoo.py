"""`wattward zoo`. Heavy modules are imported inside, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattward.experiments.cli.options import Jobs


def zoo(
    runs: Annotated[Path, typer.Option("--runs", help="Folder of runs.")] = Path("runs"),
    results: Annotated[Path, typer.Option("--results", help="Published boards, whose scores the cards quote.")] = Path(
        "results"
    ),
    only_list: Annotated[bool, typer.Option("--list", help="Say what is missing and train nothing.")] = False,
    again: Annotated[
        list[str] | None,
        typer.Option("--again", help="SCENARIO/AGENT/seed-N to train anew and compare; may be given again."),
    ] = None,
    jobs: Jobs = 2,
) -> None:
    """Train every shipped agent that is missing, and write the cards of all."""
    from wattward.configs.loading.experiments import load_zoo
    from wattward.experiments.training import zoo as shipped

    if again:
        same = shipped.trained_again([shipped.Place.parse(name) for name in again], jobs=jobs)
        for name, is_same in zip(again, same, strict=True):
            typer.echo(f"{name}: {'the same weights, bit for bit' if is_same else 'other weights'}")
        raise typer.Exit(0 if all(same) else 1)
    plan = load_zoo()
    if only_list:
        for place in shipped.missing(plan):
            typer.echo(f"{place.agent} {place.scenario} seed {place.seed}")
        return
    for place in shipped.train_missing(plan, runs, jobs=jobs):
        typer.echo(place.within(shipped.ZOO))
    for path in (*shipped.write_cards(plan, results), shipped.write_index(plan, results)):
        typer.echo(path)
