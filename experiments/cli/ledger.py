"""The `wattward ledger` commands. They import heavy modules only when they run, so that help appears immediately."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from wattward.experiments.cli.options import (
    DIFFERENT,
    NOTHING,
    Episode,
    Policy,
    PolicySeed,
    Recording,
    Scenario,
    Split,
    Trust,
    folder,
    interruptible,
)
from wattward.experiments.cli.options import show as show_table

WIDTH = 110

commands = typer.Typer(
    help="Hourly ledgers of green power: write, verify, show.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
Ledger = Annotated[Path, typer.Argument(help="A ledger's folder, or a chain's file.")]
Head = Annotated[str | None, typer.Option("--head", help="The hash of the last entry, if you have kept it elsewhere.")]


@commands.command()
@interruptible(NOTHING)
def write(
    policy: Policy,
    out: Annotated[Path, typer.Option("--out", help="Folder of the ledger.")],
    scenario: Scenario = "zhejiang-xinjiang",
    split: Split = "test",
    episode: Episode = 0,
    recording: Recording = None,
    seed: PolicySeed = 0,
    tokens: Annotated[
        str | None, typer.Option("--tokens", help="Rates and prices of tokens by name or file; else the scenario's.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the ledger in the folder.")] = False,
    trust_pickle: Trust = False,
) -> None:
    """Play one episode and write its hours, certificates and chain."""
    from wattward.configs.loading.worlds import load_tokens
    from wattward.experiments.evaluation.methods import method
    from wattward.experiments.evaluation.worlds import Worlds
    from wattward.experiments.ledger import files as ledger

    ledger.check_out(out, overwrite=overwrite)
    prices = None if tokens is None else load_tokens(tokens)
    worlds = Worlds(scenario, split, folder(recording))
    who = method(policy, trust_pickle=trust_pickle)
    played = ledger.play(who, worlds, episode, seed=seed, tokens=prices)
    _show(ledger.write_ledger(out, played, overwrite=overwrite))
    typer.echo(f"ledger: {out}, {len(played.entries)} entries\nhead: {played.entries[-1]['sha256']}")


@commands.command()
@interruptible(NOTHING)
def verify(ledger: Ledger, head: Head = None) -> None:
    """Find the first entry that is altered, missing, out of place, or counts a kWh twice (exit code 1)."""
    from wattward.experiments.ledger.files import fault_of

    entries, fault = fault_of(ledger, head)
    if fault is not None:
        typer.echo(f"error: {ledger}: {fault}", err=True)
        raise typer.Exit(DIFFERENT)
    typer.echo(f"{ledger}: {len(entries)} entries, all as written\nhead: {entries[-1]['sha256']}")


@commands.command()
@interruptible(NOTHING)
def show(
    ledger: Ledger,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="File for the hour-by-hour match: .png or .svg.")
    ] = None,
    head: Head = None,
) -> None:
    """Show annual, monthly and hourly shares of a sound ledger side by side, and its tokens; draw it."""
    from wattward.envs.accounting.matching import balance_of, matching_rows
    from wattward.experiments.common.plotting import check_suffix
    from wattward.experiments.ledger.figure import draw_matching
    from wattward.experiments.ledger.files import about_of, fault_of, read_summary, title_of

    if picture is not None:
        check_suffix(picture)
    entries, fault = fault_of(ledger, head)
    if fault is not None:
        typer.echo(f"error: {ledger}: {fault}", err=True)
        raise typer.Exit(DIFFERENT)
    about, balance = about_of(ledger, entries), balance_of(entries)
    of_chain = {"about": about, "matching": matching_rows(balance), "token_economics": []}
    _show(read_summary(ledger) if ledger.is_dir() else of_chain)
    if picture is not None:
        draw_matching(balance, title_of(about), picture)
        typer.echo(f"picture: {picture}")


def _show(summary: Mapping[str, Any]) -> None:
    from wattward.experiments.common import tables
    from wattward.experiments.ledger import tables as ledger_tables
    from wattward.experiments.ledger.files import title_of

    about, rows = summary["about"], summary["token_economics"]
    shown = [(ledger_tables.MATCHING, summary["matching"], f"{title_of(about)}: load matched by green power")]
    if rows:
        currency = about["currency"]
        titles = f"Tokens, by {about['tokens']}: energy, cost and carbon of a million", "Revenue from tokens"
        for columns, title in zip((ledger_tables.TOKENS, ledger_tables.REVENUE), titles, strict=True):
            shown.append((tables.in_currency(columns, currency), rows, title))
    for columns, found, title in shown:
        show_table(tables.terminal(columns, found, title), WIDTH)
