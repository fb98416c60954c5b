"""The `wattward benchmark` command. It imports heavy modules only when it runs, so that help appears immediately."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattward.experiments.cli.options import NOTHING, interruptible, show


@interruptible(NOTHING)
def benchmark(
    json: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="See that everything runs; the figures are noise.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="single, vector, reset, memory, scale, training or start; may be given again."),
    ] = None,
) -> None:
    """Measure steps, resets, memory, scale and training beside CartPole."""
    from wattward.experiments.benchmark import report
    from wattward.experiments.benchmark import run as meter
    from wattward.experiments.common import tables

    if json is not None:
        meter.check_path(json)
    measured = meter.measure(only or (), quick=quick)
    if json is not None:
        meter.publish(json, measured)
    figures = report.figure_rows(meter.sections_of(measured))
    show(tables.terminal(report.FIGURES, figures, f"benchmark{' (quick: noise)' if quick else ''}"))
    show(tables.terminal(report.TARGET_COLUMNS, measured["targets"], "targets"))
