"""Commands about worlds: `list`, `describe`, `import`. They import heavy modules only when they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wattward.experiments.cli.options import NOTHING, interruptible, show

if TYPE_CHECKING:
    from wattward.envs.world.importers.options import Imported

Kind = Literal["scenarios", "methods", "agents", "suites", "presets"]
NAME_COLUMNS = 28
WIDTH = 80


@interruptible(NOTHING)
def list_(
    what: Annotated[Kind | None, typer.Argument(help="Only these; everything by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: kind, name, summary.")] = False,
) -> None:
    """List scenarios, methods, agents, suites and presets, with a line on each."""
    import json

    from wattward.experiments.describe.catalogue import KINDS, catalogue

    entries = [entry for kind in ([what] if what else KINDS) for entry in catalogue(kind)]
    if as_json:
        typer.echo(json.dumps([entry._asdict() for entry in entries], indent=2, ensure_ascii=False))
        return
    for kind in dict.fromkeys(entry.kind for entry in entries):
        typer.echo(f"{kind}: {KINDS[kind]}")
        for entry in entries:
            if entry.kind == kind:
                typer.echo(_in_columns(entry.name, entry.summary))
        typer.echo()


def _in_columns(name: str, summary: str) -> str:
    """Formats a name and its summary within 80 columns."""
    import textwrap

    indent = " " * (NAME_COLUMNS + 2)
    lines = textwrap.wrap(summary, WIDTH - len(indent)) or [""]
    if len(name) > NAME_COLUMNS - 2:
        return "\n".join([f"  {name}", *(indent + line for line in lines)])
    return "\n".join([f"  {name:<{NAME_COLUMNS}}{lines[0]}", *(indent + line for line in lines[1:])])


@interruptible(NOTHING)
def describe(
    name: Annotated[str, typer.Argument(help="A scenario by name, or a scenario file.")],
    day: Annotated[
        str, typer.Option("--day", help="typical, a date as 2026-03-31, or the number of a training episode.")
    ] = "typical",
    out: Annotated[Path | None, typer.Option("--out", help="File for a picture of the day: .png.")] = None,
) -> None:
    """Show what a scenario holds, and a day of it when all work runs on arrival."""
    from wattward.configs.loading.worlds import load_scenario
    from wattward.experiments.common import plotting, tables
    from wattward.experiments.describe import figure as day_picture
    from wattward.experiments.describe import sheets as describe
    from wattward.experiments.describe.typical_day import play_day

    if out is not None:
        plotting.check_suffix(out, (".png",), "--out")
    scenario = load_scenario(name)
    played = play_day(scenario, day)
    typer.echo(f"{scenario.name}: {scenario.title}\n")
    for sheet in describe.scenario_sheets(scenario):
        show(tables.terminal(sheet.columns, sheet.rows, sheet.title))
    typer.echo(describe.paragraphs({**describe.region_terms(scenario), **describe.terms(scenario)}))
    typer.echo(describe.day_title(played))
    for sheet in [*describe.day_sheets(played), describe.day_summary(played)]:
        show(tables.terminal(sheet.columns, sheet.rows, sheet.title))
    if out is not None:
        day_picture.draw_day(played, out)
        typer.echo(f"picture: {out}")


@interruptible(NOTHING)
def import_(
    kind: Annotated[str, typer.Argument(help="weather, requests, carbon, prices, air or jobs.")],
    files: Annotated[list[Path], typer.Argument(help="Files of one region; several are joined in time.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the recording; what it holds of other kinds is kept.")],
    region: Annotated[
        str, typer.Option("--region", help="Region or province that the files are of, or a region file; not for jobs.")
    ] = "",
    zone: Annotated[str | None, typer.Option("--zone", help="Zone of times without offset, as Europe/Berlin.")] = None,
    fill: Annotated[str | None, typer.Option("--fill", help="interpolate or repeat-day; without, no gaps.")] = None,
    time_column: Annotated[str | None, typer.Option("--time-column", help="Where it is not found.")] = None,
    time_format: Annotated[str | None, typer.Option("--time-format", help="As %d.%m.%Y %H:%M; ISO without.")] = None,
    value_column: Annotated[
        list[str] | None, typer.Option("--value-column", help="Where it is not found; several for tokens.")
    ] = None,
    start: Annotated[str | None, typer.Option("--start", help="Of a trace that counts from its start.")] = None,
    latitude: Annotated[float | None, typer.Option("--latitude", help="Where the weather file has none.")] = None,
    longitude: Annotated[float | None, typer.Option("--longitude", help="Where the weather file has none.")] = None,
    tilt: Annotated[float | None, typer.Option("--tilt", help="Of panels; else the region's, or 0.")] = None,
    turbine: Annotated[str | None, typer.Option("--turbine", help="Of windpowerlib; else the region's.")] = None,
    year: Annotated[int | None, typer.Option("--year", min=1900, max=2199, help="That a typical year becomes.")] = None,
    tokens_per_gpu_hour: Annotated[
        float | None, typer.Option("--tokens-per-gpu-hour", help="That a GPU serves; for requests.")
    ] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="Of prices, as EUR.")] = None,
    per: Annotated[str | None, typer.Option("--per", help="kWh or MWh; for prices.")] = None,
    into: Annotated[
        str | None, typer.Option("--into", help="Currency of the scenario, for prices; CNY without.")
    ] = None,
    exchange_rate: Annotated[float | None, typer.Option("--exchange-rate", help="What 1 EUR is in --into.")] = None,
    job_class: Annotated[str | None, typer.Option("--class", help="Job class that a log is played as.")] = None,
    missing: Annotated[
        str | None, typer.Option("--missing", help="drop or requested, for jobs without processors or run time.")
    ] = None,
) -> None:
    """Turn files of weather, requests, carbon, prices, air or jobs into a recording."""
    from wattward.envs.world.importers.options import Options as ImportOptions
    from wattward.envs.world.importers.registry import import_files

    options = ImportOptions(
        region=region,
        zone=zone,
        fill=fill,
        time_column=time_column,
        time_format=time_format,
        value_columns=tuple(value_column) if value_column else None,
        start=start,
        latitude_deg=latitude,
        longitude_deg=longitude,
        tilt_deg=tilt,
        turbine=turbine,
        year=year,
        tokens_per_gpu_h=tokens_per_gpu_hour,
        currency=currency,
        per=per,
        into=into,
        exchange_rate=exchange_rate,
        job_class=job_class,
        missing=missing,
    )
    _summarise(import_files(kind, files, out, options), out)


def _summarise(imported: Imported, out: Path) -> None:
    from wattward.envs.world.importers.registry import summary

    for row in summary(imported):
        typer.echo(
            f"{row['region']} {row['series']}: {row['values']} values, {row['from']} to {row['to']}, "
            f"{row['least']:.4g} to {row['most']:.4g}, mean {row['mean']:.4g} {row['unit']}"
        )
    for note in imported.facts.get("notes", []):
        typer.echo(note)
    for gap in imported.facts["gaps"]:
        typer.echo(f"gap of {gap['hours']:g} h from {gap['from']}, filled by {imported.facts['fill']}")
    typer.echo(f"recording: {out}")
