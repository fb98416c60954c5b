"""Commands that write HTML pages: `report`, `replay`. They import heavy modules only when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattward.experiments.cli.options import (
    CACHE,
    NOTHING,
    Cache,
    Policy,
    Recording,
    Scenario,
    Split,
    Trust,
    counting,
    folder,
    interruptible,
)

HTML = (".html", ".htm")


@interruptible(NOTHING)
def report(
    folder: Annotated[Path, typer.Argument(help="A results folder of `wattward leaderboard`.")],
    out: Annotated[Path | None, typer.Option("--out", help="The page; report.html in the folder by default.")] = None,
    episode: Annotated[int, typer.Option("--episode", min=0, help="The episode that all are shown on.")] = 0,
) -> None:
    """Write one self-contained HTML page of a leaderboard, with what each method did on the same episode."""
    page = folder / "report.html" if out is None else out
    _check("--out", page)
    from wattward.experiments.report.report import report as write

    with counting("replays") as tick:
        size = write(folder, page, episode=episode, tick=tick)
    typer.echo(f"report: {page}, {size / 1e6:.1f} MB")


@interruptible(NOTHING)
def replay(
    policy: Policy,
    html: Annotated[Path, typer.Option("--html", help="The page.")],
    scenario: Scenario = "zhejiang-xinjiang",
    episode: Annotated[
        int, typer.Option("--episode", "--seed", min=0, help="Index in the split, which is the seed of its world.")
    ] = 0,
    split: Split = "test",
    recording: Recording = None,
    cache: Cache = CACHE,
    trust_pickle: Trust = False,
) -> None:
    """Play one episode of a policy and write it as a self-contained HTML page."""
    _check("--html", html)
    from wattward.experiments.evaluation.methods import method
    from wattward.experiments.evaluation.playing import check_fit
    from wattward.experiments.evaluation.worlds import Worlds
    from wattward.experiments.report.report import replay_page

    worlds = Worlds(scenario, split, folder(recording))
    who = method(policy, trust_pickle=trust_pickle)
    check_fit([who], worlds)
    size = replay_page(who, worlds, episode, html, cache)
    typer.echo(f"replay: {html}, {size / 1e6:.1f} MB")


def _check(option: str, path: Path) -> None:
    if path.suffix not in HTML:
        from wattward.configs.schema.base import ConfigError

        raise ConfigError(f"{option} {path}: suffix {path.suffix!r}: must be .html")
