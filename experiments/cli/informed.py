"""`wattward informed`. Heavy modules are imported inside, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def informed(
    scenario: Annotated[str, typer.Argument(help="A shipped scenario, or a scenario file.")],
    path: Annotated[Path, typer.Argument(help="File to write, .yaml.")],
) -> None:
    """Write a scenario's copy with perfect forecasts and exact estimates of work."""
    from wattward.experiments.studies.gap.informed import write_informed

    typer.echo(f"scenario: {write_informed(scenario, path)}")
