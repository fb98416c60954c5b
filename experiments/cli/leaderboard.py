"""The commands `leaderboard` and `reproduce`. Heavy modules are imported inside them, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattward.experiments.cli.options import CACHE, Cache, Jobs, Recording, Where, folder, show

DIFFERENT = 1


def leaderboard(
    suite: Annotated[str, typer.Argument(help="A shipped suite by name, or a suite file.")] = "quick",
    out: Annotated[Path | None, typer.Option("--out", help="Folder; results/SUITE by default.")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="One more: MODULE:FACTORY or a checkpoint folder; may be given again."),
    ] = None,
    versus: Annotated[
        str | None, typer.Option("--versus", help="Set every method beside this one, episode by episode.")
    ] = None,
    recording: Recording = None,
    jobs: Jobs = 2,
    executor: Where = "local",
    without_learned: Annotated[bool, typer.Option("--without-learned", help="Leave the trained agents out.")] = False,
    cache: Cache = CACHE,
) -> None:
    """Rank every method of a suite and draw the ranking."""
    from wattward.configs.loading.experiments import load_suite
    from wattward.experiments.common import tables
    from wattward.experiments.common.records import write_json
    from wattward.experiments.leaderboard import publish as leaderboard
    from wattward.experiments.leaderboard import ranking, suites

    wanted = load_suite(suite)
    if recording is not None:
        wanted = wanted.model_copy(update={"recording": folder(recording)})
    place = out or Path("results") / wanted.name
    more, learned = method or [], not without_learned
    suites.check_versus(wanted, versus, learned=learned, more=more)
    records = suites.run_suite(wanted, cache, jobs=jobs, executor=executor, learned=learned, more=more)
    submitted = suites.submitted_to(wanted, learned=learned, more=more)
    rows = leaderboard.publish(wanted, records, place, submitted=submitted)
    for label in dict.fromkeys(row["scenario"] for row in rows):
        shown = [row for row in rows if row["scenario"] == label]
        show(tables.terminal(tables.LEADERBOARD, shown, f"{wanted.title} · {label}"))
    if versus is not None:
        against = ranking.versus(records, versus, leaderboard.limits_of(wanted))
        write_json(place / f"versus-{versus}.json", against)
        for label in dict.fromkeys(row["scenario"] for row in against):
            beside = [row for row in against if row["scenario"] == label]
            show(tables.terminal(tables.VERSUS, beside, f"score less that of {versus} · {label}"))
    typer.echo(f"picture: {place / 'leaderboard.png'}")


def reproduce(
    results: Annotated[Path, typer.Argument(help="A folder that `wattward leaderboard` wrote.")],
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="Run only so many cells again, drawn by --seed; else all.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sample.")] = 0,
    recording: Recording = None,
    jobs: Jobs = 2,
) -> None:
    """Run published results again and report whatever differs (exit code 1)."""
    from wattward.experiments.leaderboard.reproduce import reproduce

    found = reproduce(results, sample=sample, seed=seed, recording=folder(recording), jobs=jobs)
    for note in found.notes:
        typer.echo(f"note: {note}")
    for difference in found.differences:
        typer.echo(f"differs: {difference}", err=True)
    typer.echo(
        f"{results}: {found.cells_run} of {found.cells} cells run again, {found.records} episodes; {found.verdict}"
    )
    if found.differences:
        raise typer.Exit(DIFFERENT)
