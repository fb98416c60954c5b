"""`wattward explain`. Heavy modules are imported inside, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattward.experiments.cli.options import show


def explain(
    checkpoints: Annotated[list[str], typer.Argument(help="Checkpoint folders; those of one agent are its seeds.")],
    scenario: Annotated[str, typer.Option("--scenario", help="A scenario by name or file.")] = "zhejiang-xinjiang",
    episodes: Annotated[int, typer.Option("--episodes", min=2, help="Validation episodes.")] = 24,
    planner_episodes: Annotated[
        int, typer.Option("--planner-episodes", min=1, help="The first of them, in which costs are compared.")
    ] = 3,
    out: Annotated[Path, typer.Option("--out", help="Folder of the pictures.")] = Path(),
    page: Annotated[Path | None, typer.Option("--page", help="A page whose tables are written anew.")] = None,
) -> None:
    """Show what agents learned: when they run work, what they look at, and where they still lose."""
    from tqdm import tqdm

    from wattward.configs.loading.worlds import load_scenario
    from wattward.experiments.common import tables
    from wattward.experiments.studies.explain import explain as explaining
    from wattward.experiments.studies.explain import figure as explain_picture
    from wattward.experiments.studies.explain import tables as explain_tables

    name = load_scenario(scenario).name
    if page is not None:
        explain_tables.check_page(page, name)
    when, fields = explaining.picture_paths(name, out)
    with tqdm(unit=" parts", leave=False) as bar:

        def tick(what: str) -> None:
            bar.set_description(what)
            bar.update()

        told = explaining.explain(checkpoints, scenario, episodes, planner_episodes, tick)
    explain_picture.draw_when(told, when)
    explain_picture.draw_fields(told, fields)
    if page is not None:
        explain_tables.update_page(page, told)
    for title, columns, rows in explain_tables.brief(told):
        show(tables.terminal(columns, rows, title))
    typer.echo(f"pictures: {when}, {fields}")
