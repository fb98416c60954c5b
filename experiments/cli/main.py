"""The command line. Heavy modules are imported inside commands, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from wattward.experiments.cli import cases as cases_cli
from wattward.experiments.cli import curves as curves_cli
from wattward.experiments.cli import explain as explain_cli
from wattward.experiments.cli import informed as informed_cli
from wattward.experiments.cli import leaderboard as leaderboard_cli
from wattward.experiments.cli import ledger as ledger_cli
from wattward.experiments.cli import report as report_cli
from wattward.experiments.cli import sandwich as sandwich_cli
from wattward.experiments.cli import shift as shift_cli
from wattward.experiments.cli import zoo as zoo_cli
from wattward.experiments.cli.options import CACHE, Cache, Jobs, Recording, Where, folder, show

if TYPE_CHECKING:
    from wattward.envs.world.importers.options import Imported

BAD_INPUT, UNFINISHED = 2, 130


class Commands(TyperGroup):
    """A group of commands whose configuration errors end in one clear message."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer keeps the type of its contexts to itself
        """Runs the command; bad input ends with exit code 2, Ctrl-C with 130, neither with a traceback."""
        try:
            return super().invoke(ctx)
        except ValueError as error:
            from wattward.configs import ConfigError

            if not isinstance(error, ConfigError):
                raise
            typer.echo("\n".join(f"error: {line}" for line in str(error).splitlines()), err=True)
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            typer.echo("interrupted; what was finished is kept, the same command goes on from there", err=True)
            raise typer.Exit(UNFINISHED) from None


app = typer.Typer(
    cls=Commands,
    help="Send GPU work to where and when power is cheap and green.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(ledger_cli.commands, name="ledger")
app.command()(cases_cli.cases)
app.command()(curves_cli.curves)
app.command()(sandwich_cli.sandwich)
app.command()(informed_cli.informed)
app.command()(leaderboard_cli.leaderboard)
app.command()(leaderboard_cli.reproduce)
app.command()(report_cli.report)
app.command()(report_cli.replay)
app.command()(shift_cli.shift)
app.command()(explain_cli.explain)
app.command()(zoo_cli.zoo)

Scenario = Annotated[str, typer.Option("--scenario", help="A scenario by name or file; +NAME or +FILE disturbs it.")]
Episodes = Annotated[int, typer.Option("--episodes", min=1, help="Episodes 0..N-1 of the split.")]
Trust = Annotated[
    bool,
    typer.Option("--trust-pickle", help="Load a foreign .zip agent, although doing so runs whatever code is in it."),
]


@app.command()
def train(
    agent: Annotated[str, typer.Argument(help="Agent settings by name, such as ppo or dqn.")],
    scenario: Scenario = "zhejiang-xinjiang",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Training seed.")] = 0,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Steps instead of those of the settings.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of runs; this one is SCENARIO/AGENT/seed-N.")] = Path(
        "runs"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Delete an earlier run and start again.")] = False,
    torch_threads: Annotated[int, typer.Option("--torch-threads", min=1, help="Threads of PyTorch.")] = 1,
) -> None:
    """Train an agent and keep its checkpoint."""
    from wattward.experiments.training.train import train_agent

    kept = train_agent(
        agent,
        scenario,
        seed,
        out=out,
        total_steps=steps,
        resume=resume,
        overwrite=overwrite,
        torch_threads=torch_threads,
    )
    _say(f"checkpoint: {kept}")


@app.command()
def evaluate(
    methods: Annotated[list[str], typer.Argument(help="Rules by name, checkpoint folders, MODULE:FACTORY.")],
    scenario: Scenario = "zhejiang-xinjiang",
    episodes: Episodes = 20,
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
    recording: Recording = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the policies' own randomness.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="File for the episodes: .parquet or .json.")] = None,
    jobs: Jobs = 2,
    executor: Where = "local",
    trust_pickle: Trust = False,
    cache: Cache = CACHE,
) -> None:
    """Run methods on the same episodes and score them."""
    from wattward.configs import load_scenario
    from wattward.experiments.common import tables
    from wattward.experiments.common.records import check_suffix, write_records
    from wattward.experiments.evaluation.evaluate import Worlds
    from wattward.experiments.leaderboard import ranking, suites

    if out is not None:
        check_suffix(out)
    worlds = Worlds(scenario, split, folder(recording))
    records = suites.run_methods(
        methods, worlds, episodes, cache, seed=seed, jobs=jobs, executor=executor, trust_pickle=trust_pickle
    )
    if out is not None:
        write_records(out, records)
    rows = ranking.rank(records)
    columns = tables.in_currency(tables.EPISODES, load_scenario(scenario).currency)
    show(tables.terminal(columns, rows, f"{episodes} {split} episodes of {scenario}"))


@app.command()
def case(
    name: Annotated[str, typer.Argument(help="A published case.")] = "zhejiang-xinjiang",
    recording: Recording = None,
    episodes: Episodes = 50,
    out: Annotated[Path, typer.Option("--out", help="Folder of the table.")] = Path("results/cases"),
    jobs: Jobs = 2,
    cache: Cache = CACHE,
) -> None:
    """Hold a published case against the simulator: both tariffs, drawn worlds and recorded ones."""
    from wattward.experiments.common import tables
    from wattward.experiments.studies.cases import peak_offset as case

    wanted = case.case(name)
    rows = case.run_case(wanted, episodes, folder(recording), cache, jobs=jobs)
    paths = case.publish_case(name, rows, out)
    show(tables.terminal(tables.CASE, rows, f"{wanted.title}, {episodes} test episodes"))
    _say(f"published: {wanted.published}")
    _say(f"table: {paths[1]}")


@app.command()
def year(
    scenario: Annotated[str, typer.Argument(help="A scenario by name or file.")],
    recording: Annotated[Path, typer.Option("--recording", help="Folder of dated series, see docs/recordings.md.")],
    rules: Annotated[str | None, typer.Option("--rules", help="Names with commas between; all by default.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the table.")] = Path("results/year"),
    jobs: Jobs = 2,
    executor: Where = "local",
    cache: Cache = CACHE,
) -> None:
    """Play a recorded calendar year under every rule, each step checked, the ledger kept."""
    from wattward import baselines
    from wattward.configs import load_scenario
    from wattward.experiments.common import tables
    from wattward.experiments.studies.year import year

    wanted = baselines.names() if rules is None else [name.strip() for name in rules.split(",")]
    source = str(folder(recording))
    rows = year.run_year(scenario, source, wanted, cache, jobs=jobs, executor=executor)
    paths = year.publish_year(scenario, source, rows, out)
    columns = tables.in_currency(year.YEAR, load_scenario(scenario).currency)
    show(tables.terminal(columns, rows, f"{scenario}, a recorded year"))
    _say(f"table: {paths[1]}")


@app.command()
def throughput(
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
    try:
        measured = meter.measure(only or (), quick=quick)
    except KeyboardInterrupt:
        typer.echo("interrupted; nothing was written", err=True)
        raise typer.Exit(UNFINISHED) from None
    if json is not None:
        meter.publish(json, measured)
    figures = report.figure_rows(meter.sections_of(measured))
    show(tables.terminal(report.FIGURES, figures, f"throughput{' (quick: noise)' if quick else ''}"))
    show(tables.terminal(report.TARGET_COLUMNS, measured["targets"], "targets"))


@app.command("import")
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
    from wattward.envs.world.importers.options import Options
    from wattward.envs.world.importers.registry import import_files

    options = Options(
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
    _tell(import_files(kind, files, out, options), out)


@app.command()
def scenarios() -> None:
    """List the shipped scenarios, the families that are made by name, and what may disturb any of them."""
    from wattward.configs import load_preset, load_scenario, names
    from wattward.configs.generate import random_family
    from wattward.configs.generate import scale as generated

    for name in names("scenarios"):
        _say(f"{name:<28}{load_scenario(name).title}")
    for family in (generated, random_family):
        _say(f"{family.FAMILY:<28}{family.summary()}")
    for name in names("disturbances"):
        _say(f"{f'...+{name}':<28}{load_preset(name).title}")
    _say("\n`wattward describe NAME` shows one of them, and a day of it.")


@app.command()
def describe(
    name: Annotated[str, typer.Argument(help="A scenario by name, or a scenario file.")],
    day: Annotated[
        str, typer.Option("--day", help="typical, a date as 2026-03-31, or the number of a training episode.")
    ] = "typical",
    out: Annotated[Path | None, typer.Option("--out", help="File for a picture of the day: .png.")] = None,
) -> None:
    """Show what a scenario holds, and a day of it when all work runs on arrival."""
    from wattward.configs import load_scenario
    from wattward.experiments.common import tables
    from wattward.experiments.describe import figure as day_picture
    from wattward.experiments.describe import sheets as describe
    from wattward.experiments.describe.typical_day import play_day

    if out is not None:
        day_picture.check_suffix(out)
    scenario = load_scenario(name)
    played = play_day(scenario, day)
    _say(f"{scenario.name}: {scenario.title}\n")
    for sheet in describe.scenario_sheets(scenario):
        show(tables.terminal(sheet.columns, sheet.rows, sheet.title))
    _say(describe.paragraphs({**describe.region_terms(scenario), **describe.terms(scenario)}))
    _say(describe.day_title(played))
    for sheet in [*describe.day_sheets(played), describe.day_summary(played)]:
        show(tables.terminal(sheet.columns, sheet.rows, sheet.title))
    if out is not None:
        day_picture.draw_day(played, out)
        _say(f"picture: {out}")


@app.command()
def methods() -> None:
    """List the rules, and the methods of installed packages, that may enter."""
    from wattward import baselines
    from wattward.experiments.evaluation import submissions

    for name in baselines.names():
        _say(name)
    for name, where in submissions.installed().items():
        _say(f"{name:<28}{where}")


@app.command()
def version() -> None:
    """Print the version."""
    from wattward import __version__

    _say(f"wattward {__version__}")


def main() -> None:
    """The entry point of the `wattward` command."""
    app(prog_name="wattward")


def _tell(imported: Imported, out: Path) -> None:
    from wattward.envs.world.importers.registry import summary

    for row in summary(imported):
        _say(
            f"{row['region']} {row['series']}: {row['values']} values, {row['from']} to {row['to']}, "
            f"{row['least']:.4g} to {row['most']:.4g}, mean {row['mean']:.4g} {row['unit']}"
        )
    for note in imported.facts.get("notes", []):
        _say(note)
    for gap in imported.facts["gaps"]:
        _say(f"gap of {gap['hours']:g} h from {gap['from']}, filled by {imported.facts['fill']}")
    _say(f"recording: {out}")


def _say(line: str) -> None:
    typer.echo(line)


if __name__ == "__main__":
    main()
