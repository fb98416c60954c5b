"""The command line. Heavy modules are imported inside commands, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

BAD_INPUT, UNFINISHED = 2, 130
CACHE = Path("results/cache")


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

Scenario = Annotated[str, typer.Option("--scenario", help="A scenario by name or file; +NAME or +FILE disturbs it.")]
Episodes = Annotated[int, typer.Option("--episodes", min=1, help="Episodes 0..N-1 of the split.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes.")]
Recording = Annotated[Path | None, typer.Option("--recording", help="Folder of recorded sun, wind and requests.")]
Cache = Annotated[Path, typer.Option("--cache", help="Folder of finished work; safe to delete.")]
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
    from wattward.experiments.train import train_agent

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
    entrants: Annotated[list[str], typer.Argument(help="Rules by name, checkpoint folders, or both.")],
    scenario: Scenario = "zhejiang-xinjiang",
    episodes: Episodes = 20,
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
    recording: Recording = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the policies' own randomness.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="File for the episodes: .parquet or .json.")] = None,
    jobs: Jobs = 2,
    trust_pickle: Trust = False,
    cache: Cache = CACHE,
) -> None:
    """Run entrants on the same episodes and score them."""
    from wattward.experiments import leaderboard, tables
    from wattward.experiments.evaluate import Worlds
    from wattward.experiments.records import check_suffix, write_records

    if out is not None:
        check_suffix(out)
    worlds = Worlds(scenario, split, _folder(recording))
    records = leaderboard.run_entrants(
        entrants, worlds, episodes, cache, seed=seed, jobs=jobs, trust_pickle=trust_pickle
    )
    if out is not None:
        write_records(out, records)
    rows = leaderboard.rank(records)
    _show(tables.terminal(tables.EPISODES, rows, f"{episodes} {split} episodes of {scenario}"))


@app.command()
def leaderboard(
    suite: Annotated[str, typer.Argument(help="A shipped suite by name, or a suite file.")] = "quick",
    out: Annotated[Path | None, typer.Option("--out", help="Folder; results/SUITE by default.")] = None,
    jobs: Jobs = 2,
    without_learned: Annotated[bool, typer.Option("--without-learned", help="Leave the trained agents out.")] = False,
    cache: Cache = CACHE,
) -> None:
    """Rank every entrant of a suite and draw the ranking."""
    from wattward.configs import load_suite
    from wattward.experiments import leaderboard, tables

    wanted = load_suite(suite)
    folder = out or Path("results") / wanted.name
    records = leaderboard.run_suite(wanted, cache, jobs=jobs, learned=not without_learned)
    rows = leaderboard.publish(wanted, records, folder)
    for scenario in wanted.scenarios:
        shown = [row for row in rows if row["scenario"] == scenario]
        _show(tables.terminal(tables.LEADERBOARD, shown, f"{wanted.title} · {scenario}"))
    _say(f"picture: {folder / 'leaderboard.png'}")


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
    from wattward.experiments import case, tables

    wanted = case.case(name)
    rows = case.run_case(wanted, episodes, _folder(recording), cache, jobs=jobs)
    paths = case.publish_case(name, rows, out)
    _show(tables.terminal(tables.CASE, rows, f"{wanted.title}, {episodes} test episodes"))
    _say(f"published: {wanted.published}")
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
    from wattward.experiments import tables
    from wattward.experiments import throughput as meter
    from wattward.experiments import throughput_report as report

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
    _show(tables.terminal(report.FIGURES, figures, f"throughput{' (quick: noise)' if quick else ''}"))
    _show(tables.terminal(report.TARGET_COLUMNS, measured["targets"], "targets"))


@app.command()
def scenarios() -> None:
    """List the shipped scenarios, the family that is made by name, and what may disturb any of them."""
    from wattward.configs import load_preset, load_scenario, names
    from wattward.configs.generated import FAMILY, summary

    for name in names("scenarios"):
        _say(f"{name:<28}{load_scenario(name).title}")
    _say(f"{FAMILY:<28}{summary()}")
    for name in names("disturbances"):
        _say(f"{f'...+{name}':<28}{load_preset(name).title}")


@app.command()
def entrants() -> None:
    """List the rules that may enter."""
    from wattward import baselines

    for name in baselines.names():
        _say(name)


@app.command()
def version() -> None:
    """Print the version."""
    from wattward import __version__

    _say(f"wattward {__version__}")


def main() -> None:
    """The entry point of the `wattward` command."""
    app(prog_name="wattward")


def _folder(recording: Path | None) -> str | None:
    if recording is not None and not recording.is_dir():
        from wattward.configs import ConfigError

        raise ConfigError(f"--recording {recording}: no such folder")
    return None if recording is None else str(recording)


def _say(line: str) -> None:
    typer.echo(line)


def _show(table: object) -> None:
    from rich.console import Console

    console = Console()
    console.width = max(console.width, 100)
    console.print(table)


if __name__ == "__main__":
    main()
