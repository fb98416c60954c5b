"""The `wattward study` commands, which repeat the simulation studies behind the documentation.

Commands import heavy modules only when they run, so that help appears immediately.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from wattward.experiments.cli.options import (
    CACHE,
    DIFFERENT,
    KEPT,
    NOTHING,
    Cache,
    Episodes,
    Jobs,
    Page,
    Recording,
    Runs,
    Scenario,
    Split,
    TableFolder,
    Where,
    counting,
    folder,
    interruptible,
    show,
)

commands = typer.Typer(
    help="Studies behind the docs: bounds, cases, shifts, what agents learned.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@commands.command()
@interruptible(NOTHING)
def gap(
    scenario: Annotated[list[str] | None, typer.Option("--scenario", help="By name; may be given again.")] = None,
    episodes: Episodes = 4,
    split: Split = "test",
    relax: Annotated[
        bool, typer.Option("--relax", help="Also without each thing that the bound leaves out, and without them all.")
    ] = False,
    improve: Annotated[bool, typer.Option("--improve", help="Also improve the search's modes block by block.")] = False,
    best_known: Annotated[
        bool, typer.Option("--best-known", help="Only the bound and the best known schedule: the bracket.")
    ] = False,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Only what each truth is worth to this method; may be given again."),
    ] = None,
    out: TableFolder = Path("results/gap"),
    jobs: Jobs = 2,
) -> None:
    """Say how wide the bracket around the optimum is, and what methods lose because they do not know."""
    from functools import partial

    from tqdm import tqdm

    from wattward.experiments.common import tables
    from wattward.experiments.studies.gap import gap as page
    from wattward.experiments.studies.gap import knowing

    measure: Callable[..., list[page.Row]] = partial(page.bracket, relax=relax, improve=improve)
    publish: Callable[..., list[Path]] = partial(
        page.publish, name="relaxed" if relax else "improved" if improve else "gap"
    )
    columns, means, title = page.COLUMNS, page.means, "between the bound and what can be done"
    if method:
        measure, publish = partial(knowing.worth_of_truths, methods=method), knowing.publish
        columns, means, title = knowing.COLUMNS, knowing.means, "what each truth is worth"
    elif best_known:
        measure, publish = page.best_known_only, page.publish_bracket
        columns, means, title = page.BRACKET_COLUMNS, page.bracket_means, "the bracket around the optimum"
    rows: list[page.Row] = []
    for name in tqdm(scenario or ["zhejiang-xinjiang"], desc="gap", unit="scenario", leave=False):
        rows += measure(name, episodes=range(episodes), split=split, jobs=jobs)
    paths = publish(rows, out)
    show(tables.terminal(columns, means(rows), title))
    typer.echo(f"{paths[0]}\n{paths[1]}")


@commands.command()
@interruptible(NOTHING)
def informed(
    scenario: Annotated[str, typer.Argument(help="A shipped scenario, or a scenario file.")],
    path: Annotated[Path, typer.Argument(help="File to write, .yaml.")],
) -> None:
    """Write a scenario's copy with perfect forecasts and exact estimates of work."""
    from wattward.experiments.studies.gap.informed import write_informed

    typer.echo(f"scenario: {write_informed(scenario, path)}")


@commands.command()
@interruptible("tables are written one by one; run the command again")
def summarise(
    results: Annotated[list[Path], typer.Argument(help="Results folders of `wattward leaderboard`.")],
) -> None:
    """Make tables, statistics and pictures of results again from their episodes; nothing is played."""
    from wattward.experiments.leaderboard.summarise import summarise

    for place in results:
        rows = summarise(place)
        typer.echo(f"{place}: {len(rows)} rows in {len({row['scenario'] for row in rows})} tables")


@commands.command()
@interruptible(KEPT)
def voted(
    suite: Annotated[str, typer.Argument(help="A suite that plays rules and their voted forms.")] = "voted",
    facts: Annotated[Path, typer.Option("--json", help="The table as data.")] = Path("results/voted/voted.json"),
    page: Page = None,
    jobs: Jobs = 2,
    executor: Where = "local",
    cache: Cache = CACHE,
) -> None:
    """Set each rule that decides for jobs beside its voted form."""
    from wattward.configs.loading.experiments import load_suite
    from wattward.experiments.common import tables
    from wattward.experiments.leaderboard import run
    from wattward.experiments.studies.voted import voted as study

    wanted = load_suite(suite)
    rules = study.rules_of(wanted)
    if page is not None:
        study.check_page(page)
    rows = study.compare(run.run_suite(wanted, cache, jobs=jobs, executor=executor), rules)
    study.publish(wanted, rows, facts, page)
    show(tables.terminal(study.TERMINAL, rows, wanted.title))
    typer.echo(f"table: {facts}")


@commands.command()
@interruptible(NOTHING)
def shift(
    folder: Annotated[Path, typer.Argument(help="A results folder of a suite that compares two scenarios.")],
    out: Annotated[Path | None, typer.Option("--out", help="The picture; shift.png in the folder by default.")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Drawn by its modes; may be given again. PeakOffset and the best agent else."),
    ] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Played for the picture.")] = 12,
    page: Page = None,
) -> None:
    """Show every method's score before and after a change, and draw why a clock rule loses."""
    from wattward.experiments.common import plotting, tables
    from wattward.experiments.leaderboard import compare as shifts
    from wattward.experiments.report.data import read_results
    from wattward.experiments.studies.shift import figure as shift_picture
    from wattward.experiments.studies.shift.average_day import picture_of

    picture = folder / shifts.SHIFT_PICTURE if out is None else out
    plotting.check_suffix(picture, (".png",), "--out")
    results, rows = read_results(folder), shifts.read_shift(folder)
    with counting("days") as tick:
        drawn = picture_of(results, rows, method or [], episodes, tick)
    shift_picture.draw_shift(drawn, picture)
    if page is not None:
        shifts.update_page(page, rows)
    before, after = shifts.pair_of(rows)
    show(tables.terminal(shifts.brief_columns(), rows, f"before: {before}; after: {after}"))
    typer.echo(f"picture: {picture}")


@commands.command()
@interruptible(NOTHING)
def explain(
    checkpoints: Annotated[list[str], typer.Argument(help="Checkpoint folders; those of one agent are its seeds.")],
    scenario: Scenario = "zhejiang-xinjiang",
    episodes: Annotated[int, typer.Option("--episodes", min=2, help="Validation episodes.")] = 24,
    planner_episodes: Annotated[
        int, typer.Option("--planner-episodes", min=1, help="The first of them, in which costs are compared.")
    ] = 3,
    out: Annotated[Path, typer.Option("--out", help="Folder of the pictures.")] = Path(),
    page: Page = None,
) -> None:
    """Show what agents learned: when they run work, what they look at, and where they still lose."""
    from wattward.configs.loading.worlds import load_scenario
    from wattward.experiments.common import tables
    from wattward.experiments.studies.explain import explain as explaining
    from wattward.experiments.studies.explain import facts as explain_facts
    from wattward.experiments.studies.explain import figure as explain_picture
    from wattward.experiments.studies.explain import tables as explain_tables

    name = load_scenario(scenario).name
    if page is not None:
        explain_tables.check_page(page, name)
    when, fields = explain_facts.picture_paths(name, out)
    with counting("parts") as tick:
        told = explaining.explain(checkpoints, scenario, episodes, planner_episodes, tick)
    explain_picture.draw_when(told, when)
    explain_picture.draw_fields(told, fields)
    if page is not None:
        explain_tables.update_page(page, told)
    for title, columns, rows in explain_tables.brief(told):
        show(tables.terminal(columns, rows, title))
    typer.echo(f"pictures: {when}, {fields}")


@commands.command()
@interruptible(NOTHING)
def cases(
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Test episodes of each scenario.")] = 20,
    out: Annotated[Path, typer.Option("--out", help="The page.")] = Path("docs/cases.md"),
    facts: Annotated[Path, typer.Option("--json", help="The same lines as data.")] = Path(
        "results/cases/published.json"
    ),
) -> None:
    """Set every published case beside what the simulator says of it, as a page."""
    from tqdm import tqdm

    from wattward.experiments.studies.cases import readings
    from wattward.experiments.studies.cases.claims import CASES, measured
    from wattward.experiments.studies.cases.page import Line, publish

    lines: dict[str, list[Line]] = {}
    for title in tqdm(CASES, desc="cases", unit="case", leave=False):
        lines |= measured(episodes, [title])
    with tqdm(desc="readings of the 18 %", bar_format="{desc}: {postfix}", leave=False) as bar:
        rows = readings.measure(episodes, bar.set_postfix_str)
    publish(lines, rows, episodes, out, facts)
    typer.echo(f"{out}\n{facts}")


@commands.command()
@interruptible(KEPT)
def case(
    name: Annotated[str, typer.Argument(help="A published case.")] = "zhejiang-xinjiang",
    recording: Recording = None,
    episodes: Episodes = 50,
    out: TableFolder = Path("results/cases"),
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
    typer.echo(f"published: {wanted.published}")
    typer.echo(f"table: {paths[1]}")


@commands.command()
@interruptible(KEPT)
def year(
    scenario: Annotated[str, typer.Argument(help="A scenario by name or file.")],
    recording: Annotated[Path, typer.Option("--recording", help="Folder of dated series, see docs/recordings.md.")],
    rules: Annotated[str | None, typer.Option("--rules", help="Names with commas between; all by default.")] = None,
    out: TableFolder = Path("results/year"),
    jobs: Jobs = 2,
    executor: Where = "local",
    cache: Cache = CACHE,
) -> None:
    """Play a recorded calendar year under every rule, each step checked, the ledger kept."""
    from wattward.baselines import registry
    from wattward.configs.loading.worlds import load_scenario
    from wattward.experiments.common import tables
    from wattward.experiments.studies.year import year

    wanted = registry.names() if rules is None else [name.strip() for name in rules.split(",")]
    source = str(folder(recording))
    rows = year.run_year(scenario, source, wanted, cache, jobs=jobs, executor=executor)
    paths = year.publish_year(scenario, source, rows, out)
    columns = tables.in_currency(year.YEAR, load_scenario(scenario).currency)
    show(tables.terminal(columns, rows, f"{scenario}, a recorded year"))
    typer.echo(f"table: {paths[1]}")


@commands.command()
@interruptible(NOTHING)
def curves(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of runs, and curves.json files for runs that are gone; `runs` by default."),
    ] = None,
    rule: Annotated[str, typer.Option("--rule", help="The rule whose saving is to be reached.")] = "Threshold-pull-0.5",
    out: Annotated[Path, typer.Option("--out", help="Folder of table and picture.")] = Path("results/curves"),
) -> None:
    """Draw training runs' validation curves, and say how soon each reaches what a rule saves on the same episodes."""
    from tqdm import tqdm

    from wattward.agents.registry import load_agent
    from wattward.experiments.common import tables
    from wattward.experiments.training import curves as page

    found, known = page.gathered(sources or [Path("runs")])
    drawn = {curve.scenario for curve in found}
    levels = {scenario: level for scenario, level in known.items() if level.rule == rule and scenario in drawn}
    for curve in tqdm(found, unit="run", leave=False):
        if curve.scenario not in levels:
            episodes = load_agent(curve.agent, curve.scenario).validation_episodes
            levels[curve.scenario] = page.level(curve.scenario, rule, episodes)
    paths = page.publish(found, levels, out)
    show(tables.terminal(page.COLUMNS, page.rows(found, levels), "learning curves"))
    typer.echo("\n".join(map(str, paths)))


@commands.command()
@interruptible(lambda options: NOTHING if options["again"] else KEPT)
def zoo(
    runs: Runs = Path("runs"),
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
    from wattward.experiments.training.train import train_agent

    if again:
        same = shipped.trained_again([shipped.Place.parse(name) for name in again], train_agent, jobs=jobs)
        for name, is_same in zip(again, same, strict=True):
            typer.echo(f"{name}: {'the same weights, bit for bit' if is_same else 'other weights'}")
        raise typer.Exit(0 if all(same) else DIFFERENT)
    plan = load_zoo()
    if only_list:
        for place in shipped.missing(plan):
            typer.echo(f"{place.agent} {place.scenario} seed {place.seed}")
        return
    for place in shipped.train_missing(plan, runs, train_agent, jobs=jobs):
        typer.echo(place.within(shipped.ZOO))
    for path in (*shipped.write_cards(plan, results), shipped.write_index(plan, results)):
        typer.echo(path)
