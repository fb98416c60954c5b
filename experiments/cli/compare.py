"""Commands that train policies and compare them: `train`, `tune`, `evaluate`, `leaderboard`, `reproduce`.

Commands import heavy modules only when they run, so that help appears immediately.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from wattward.experiments.cli.options import (
    BAD_INPUT,
    CACHE,
    DIFFERENT,
    KEPT,
    NARROW,
    NOTHING,
    Cache,
    Episodes,
    Jobs,
    PolicySeed,
    Recording,
    Scenario,
    Split,
    Trust,
    Where,
    folder,
    interruptible,
    show,
)

RUNS = Path("runs")
UNTRAINED = "the same command with --resume goes on from the last checkpoint, or begins again if there is none yet"


@interruptible(UNTRAINED)
def train(
    agent: Annotated[str, typer.Argument(help="Agent settings by name, such as ppo or dqn.")],
    scenario: Scenario = "zhejiang-xinjiang",
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Training seed; 0 by default.")] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="Several, side by side: 0-4 or 0,2,5.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Steps instead of those of the settings.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of runs; this one is SCENARIO/AGENT/seed-N.")] = RUNS,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Delete an earlier run and start again.")] = False,
    torch_threads: Annotated[int, typer.Option("--torch-threads", min=1, help="Threads of PyTorch.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes, for --seeds.")] = 2,
    executor: Where = "local",
) -> None:
    """Train an agent and keep its checkpoint."""
    from functools import partial

    from wattward.experiments.training.train import planned_run, train_agent, train_run

    begins: Any = {"resume": resume, "overwrite": overwrite}
    if seeds is None and executor == "local":
        options = {"out": out, "total_steps": steps, "torch_threads": torch_threads, **begins}
        typer.echo(f"checkpoint: {train_agent(agent, scenario, seed or 0, **options)}")
        return
    from wattward.configs.schema.base import ConfigError
    from wattward.experiments.evaluation.executor import Means
    from wattward.experiments.training.seeds import parse_seeds, train_seeds

    if seeds is not None and seed is not None:
        raise ConfigError(f"--seed {seed} and --seeds {seeds}: only one of them is allowed")
    chosen = [seed or 0] if seeds is None else parse_seeds(seeds)
    runs = [planned_run(agent, scenario, one, out=out, total_steps=steps) for one in chosen]
    for kept in train_seeds(
        runs, partial(train_run, torch_threads=torch_threads), means=Means(executor, jobs), **begins
    ):
        typer.echo(f"checkpoint: {kept}")


@interruptible("the same command with --resume goes on from the last validation")
def tune(
    method: Annotated[Literal["TunedIndex"], typer.Argument(help="The method to tune.")] = "TunedIndex",
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", help="By name or file; may be given again.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the search.")] = 0,
    generations: Annotated[int, typer.Option("--generations", min=1, help="Most generations of 16 candidates.")] = 150,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Training episodes of each scenario.")] = 32,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Of these, how many a generation plays.")] = 12,
    validation: Annotated[int, typer.Option("--validation", min=1, help="Validation episodes of each scenario.")] = 16,
    sigma: Annotated[
        float, typer.Option("--sigma", min=1e-3, max=1.0, help="First spread, as a share of ranges.")
    ] = 0.08,
    start: Annotated[str | None, typer.Option("--start", help="Parameters to begin with, by name or file.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of runs; this one is NAME/TunedIndex/seed-N.")] = RUNS,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Tune the parameters of a rule on training episodes, and select them on validation episodes."""
    from wattward.experiments.training.tune import Budget
    from wattward.experiments.training.tune import tune as search

    _ = method  # so far there is one
    names = scenario or ["zhejiang-xinjiang"]
    budget = Budget(generations=generations, episodes=episodes, batch=batch, validation=validation, sigma=sigma)
    name = Path(names[0]).stem if len(names) == 1 else "all"
    kept = search(names, seed, name=name, budget=budget, out=out, start=start, resume=resume)
    typer.echo(f"parameters: {kept}")


@interruptible(KEPT)
def evaluate(
    methods: Annotated[list[str], typer.Argument(help="Rules by name, checkpoint folders, MODULE:FACTORY.")],
    scenario: Scenario = "zhejiang-xinjiang",
    episodes: Episodes = 20,
    split: Split = "test",
    recording: Recording = None,
    seed: PolicySeed = 0,
    out: Annotated[Path | None, typer.Option("--out", help="File for the episodes: .parquet or .json.")] = None,
    jobs: Jobs = 2,
    executor: Where = "local",
    trust_pickle: Trust = False,
    cache: Cache = CACHE,
) -> None:
    """Run methods on the same episodes and score them."""
    from wattward.configs.loading.worlds import load_scenario
    from wattward.envs.world.splits import WORLDS_VERSION
    from wattward.experiments.common import captions, tables
    from wattward.experiments.common.records import check_suffix, write_records
    from wattward.experiments.evaluation.worlds import Worlds
    from wattward.experiments.leaderboard import ranking, run

    if out is not None:
        check_suffix(out)
    worlds = Worlds(scenario, split, folder(recording))
    records = run.run_methods(
        methods, worlds, episodes, cache, seed=seed, jobs=jobs, executor=executor, trust_pickle=trust_pickle
    )
    if out is not None:
        write_records(out, records)
    rows = ranking.rank(records)
    columns = tables.in_currency(tables.EPISODES, load_scenario(scenario).currency)
    title = f"{episodes} {split} episodes of {scenario}, {WORLDS_VERSION} worlds"
    show(tables.terminal(columns, rows, title, f"{captions.TIMED} {captions.reasons(rows)}".rstrip()), NARROW)
    _report_failures(rows)


@interruptible(KEPT)
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
    best_known: Annotated[
        bool,
        typer.Option("--best-known", help="Also search for the best known schedule of each episode, with hindsight."),
    ] = False,
    cache: Cache = CACHE,
) -> None:
    """Rank every method of a suite and draw the ranking."""
    from wattward.configs.files import write_json
    from wattward.configs.loading.experiments import load_suite
    from wattward.experiments.common import captions, tables
    from wattward.experiments.evaluation import best_known as hindsight
    from wattward.experiments.leaderboard import contents, publish, ranking, run, suites

    wanted = load_suite(suite)
    if recording is not None:
        wanted = wanted.model_copy(update={"recording": folder(recording)})
    place = out or Path("results") / wanted.name
    more, learned = method or [], not without_learned
    suites.check_versus(wanted, versus, learned=learned, more=more)
    records = run.run_suite(
        wanted,
        cache,
        jobs=jobs,
        executor=executor,
        learned=learned,
        more=more,
        best_known=hindsight.best_known if best_known else None,
    )
    submitted = suites.submitted_to(wanted, learned=learned, more=more)
    rows = publish.publish(wanted, records, place, submitted=submitted)
    for label in dict.fromkeys(row["scenario"] for row in rows):
        shown = [row for row in rows if row["scenario"] == label]
        show(tables.terminal(tables.LEADERBOARD, shown, f"{wanted.title} · {label}", captions.caption(shown)), NARROW)
    if versus is not None:
        against = ranking.versus(records, versus, contents.limits_of(wanted))
        write_json(place / f"versus-{versus}.json", against)
        for label in dict.fromkeys(row["scenario"] for row in against):
            beside = [row for row in against if row["scenario"] == label]
            rival = f"{versus} ({captions.KINDS[beside[0]['versus_kind']]})"
            show(tables.terminal(tables.VERSUS, beside, f"score less that of {rival} · {label}"), NARROW)
    if meaning := captions.legend(rows):
        typer.echo(meaning)
    typer.echo(f"picture: {place / 'leaderboard.png'}")
    _report_failures(rows)


def _report_failures(rows: Sequence[Mapping[str, Any]]) -> None:
    """Names each method that failed, after its table was shown, and ends the command with the code of bad input."""
    from wattward.experiments.common.captions import FAILED
    from wattward.experiments.common.tables import ALL

    failed = [row for row in rows if row["mark"] == FAILED and row["scenario"] != ALL]
    for row in failed:
        typer.echo(f"failed: {row['method']} on {row['scenario']}: {row['reason']}", err=True)
    if failed:
        raise typer.Exit(BAD_INPUT)


@interruptible(NOTHING)
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
