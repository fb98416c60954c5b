"""The `wattward ledger` commands. Heavy modules are imported inside them, so that help answers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from wattward.experiments.common.tables import Column

BROKEN = 1

commands = typer.Typer(
    help="Hourly ledgers of green power: write, verify, show.", no_args_is_help=True, rich_markup_mode=None
)
Ledger = Annotated[Path, typer.Argument(help="A ledger's folder, or a chain's file.")]
Head = Annotated[str | None, typer.Option("--head", help="The hash of the last entry, if you have kept it elsewhere.")]


@commands.command()
def write(
    policy: Annotated[str, typer.Argument(help="A rule by name, or a checkpoint folder.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the ledger.")],
    scenario: Annotated[
        str, typer.Option("--scenario", help="A scenario by name or file; +NAME or +FILE disturbs it.")
    ] = "zhejiang-xinjiang",
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
    episode: Annotated[int, typer.Option("--episode", min=0, help="Its index in the split.")] = 0,
    recording: Annotated[
        Path | None, typer.Option("--recording", help="Folder of recorded series, see docs/recordings.md.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the policy's own randomness.")] = 0,
    tokens: Annotated[
        str | None, typer.Option("--tokens", help="Rates and prices of tokens by name or file; else the scenario's.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the ledger in the folder.")] = False,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Load a foreign .zip agent, although that runs what is in it.")
    ] = False,
) -> None:
    """Play one episode and write its hours, certificates and chain."""
    from wattward.configs import load_tokens
    from wattward.experiments.evaluation.evaluate import Worlds
    from wattward.experiments.evaluation.methods import method
    from wattward.experiments.ledger import files as ledger

    ledger.check_out(out, overwrite=overwrite)
    prices = None if tokens is None else load_tokens(tokens)
    _check_folder(recording)
    worlds = Worlds(scenario, split, None if recording is None else str(recording))
    who = method(policy, trust_pickle=trust_pickle)
    played = ledger.play(who, worlds, episode, seed=seed, tokens=prices)
    _show(ledger.write_ledger(out, played, overwrite=overwrite))
    typer.echo(f"ledger: {out}, {len(played.entries)} entries\nhead: {played.entries[-1]['sha256']}")


@commands.command()
def verify(ledger: Ledger, head: Head = None) -> None:
    """Find the first entry that is altered, missing, out of place, or counts a kWh twice (exit code 1)."""
    from wattward.experiments.ledger.files import fault_of

    entries, fault = fault_of(ledger, head)
    if fault is not None:
        typer.echo(f"error: {ledger}: {fault}", err=True)
        raise typer.Exit(BROKEN)
    typer.echo(f"{ledger}: {len(entries)} entries, all as written\nhead: {entries[-1]['sha256']}")


@commands.command()
def show(
    ledger: Ledger,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="File for the hour-by-hour match: .png or .svg.")
    ] = None,
    head: Head = None,
) -> None:
    """Show annual, monthly and hourly shares of a sound ledger side by side, and its tokens; draw it."""
    from wattward.envs.accounting.matching import balance_of, matching_rows
    from wattward.experiments.ledger.figure import check_picture, draw_matching
    from wattward.experiments.ledger.files import about_of, fault_of, read_summary, title_of

    if picture is not None:
        check_picture(picture)
    entries, fault = fault_of(ledger, head)
    if fault is not None:
        typer.echo(f"error: {ledger}: {fault}", err=True)
        raise typer.Exit(BROKEN)
    about, balance = about_of(ledger, entries), balance_of(entries)
    of_chain = {"about": about, "matching": matching_rows(balance), "token_economics": []}
    _show(read_summary(ledger) if ledger.is_dir() else of_chain)
    if picture is not None:
        draw_matching(balance, title_of(about), picture)
        typer.echo(f"picture: {picture}")


def _check_folder(recording: Path | None) -> None:
    if recording is not None and not recording.is_dir():
        from wattward.configs import ConfigError

        raise ConfigError(f"--recording {recording}: no such folder")


def _show(summary: Mapping[str, Any]) -> None:
    from wattward.experiments.common.tables import in_currency
    from wattward.experiments.ledger import tables as ledger_tables
    from wattward.experiments.ledger.files import title_of

    about = summary["about"]
    _print(ledger_tables.MATCHING, summary["matching"], f"{title_of(about)}: load matched by green power")
    rows = summary["token_economics"]
    if rows:
        for columns, title in (
            (ledger_tables.TOKENS, f"Tokens, by {about['tokens']}: energy, cost and carbon of a million"),
            (ledger_tables.REVENUE, "Revenue from tokens"),
        ):
            _print(in_currency(columns, about["currency"]), rows, title)


def _print(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], title: str) -> None:
    from rich.console import Console

    from wattward.experiments.common import tables

    console = Console()
    console.width = max(console.width, 110)
    console.print(tables.terminal(columns, rows, title))
