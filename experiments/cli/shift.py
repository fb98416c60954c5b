"""`wattward shift`. Heavy modules are imported inside, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattward.experiments.cli.options import show


def shift(
    folder: Annotated[Path, typer.Argument(help="A results folder of a suite that compares two scenarios.")],
    out: Annotated[Path | None, typer.Option("--out", help="The picture; shift.png in the folder by default.")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Drawn by its modes; may be given again. PeakOffset and the best agent else."),
    ] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Played for the picture.")] = 12,
    page: Annotated[Path | None, typer.Option("--page", help="A page whose table is written anew.")] = None,
) -> None:
    """Show every method's score before and after a change, and draw why a clock rule loses."""
    from tqdm import tqdm

    from wattward.experiments.common import tables
    from wattward.experiments.describe import figure as day_picture
    from wattward.experiments.report.data import read_results
    from wattward.experiments.studies.shift import compare as shifts
    from wattward.experiments.studies.shift import figure as shift_picture
    from wattward.experiments.studies.shift.average_day import picture_of

    picture = folder / shifts.SHIFT_PICTURE if out is None else out
    day_picture.check_suffix(picture)
    results, rows = read_results(folder), shifts.read_shift(folder)
    if page is not None:
        shifts.update_page(page, rows)
    with tqdm(unit=" days", leave=False) as bar:

        def tick(what: str) -> None:
            bar.set_description(what)
            bar.update()

        drawn = picture_of(results, rows, method or [], episodes, tick)
    shift_picture.draw_shift(drawn, picture)
    before, after = shifts.pair_of(rows)
    show(tables.terminal(shifts.brief_columns(), rows, f"before: {before}; after: {after}"))
    typer.echo(f"picture: {picture}")
