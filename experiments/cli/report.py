"""`wattward report` and `wattward replay`. Heavy modules are imported inside, so that help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HTML = (".html", ".htm")


def report(
    folder: Annotated[Path, typer.Argument(help="A results folder of `wattward leaderboard`.")],
    out: Annotated[Path | None, typer.Option("--out", help="The page; report.html in the folder by default.")] = None,
    episode: Annotated[int, typer.Option("--episode", min=0, help="The episode that all are shown on.")] = 0,
) -> None:
    """Write one self-contained HTML page of a leaderboard, with what each method did on the same episode."""
    from tqdm import tqdm

    page = folder / "report.html" if out is None else out
    _check("--out", page)
    from wattward.experiments.report.report import report as write

    with tqdm(unit=" replays", leave=False) as bar:

        def tick(what: str) -> None:
            bar.set_description(what)
            bar.update()

        size = write(folder, page, episode=episode, tick=tick)
    typer.echo(f"report: {page}, {size / 1e6:.1f} MB")


def replay(
    policy: Annotated[str, typer.Argument(help="A rule by name, or a checkpoint folder.")],
    html: Annotated[Path, typer.Option("--html", help="The page.")],
    scenario: Annotated[
        str, typer.Option("--scenario", help="A scenario by name or file; +NAME or +FILE disturbs it.")
    ] = "zhejiang-xinjiang",
    episode: Annotated[
        int, typer.Option("--episode", "--seed", min=0, help="Index in the split, which is the seed of its world.")
    ] = 0,
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
    recording: Annotated[
        Path | None, typer.Option("--recording", help="Folder of recorded series, see docs/recordings.md.")
    ] = None,
    cache: Annotated[Path, typer.Option("--cache", help="Folder of finished work; safe to delete.")] = Path(
        "results/cache"
    ),
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Load a foreign .zip agent, although that runs what is in it.")
    ] = False,
) -> None:
    """Play one episode of a policy and write it as a self-contained HTML page."""
    _check("--html", html)
    from wattward.configs.schema.base import ConfigError
    from wattward.experiments.evaluation.evaluate import check_fit
    from wattward.experiments.evaluation.methods import method
    from wattward.experiments.evaluation.worlds import Worlds
    from wattward.experiments.report.report import replay_page

    if recording is not None and not recording.is_dir():
        raise ConfigError(f"--recording {recording}: no such folder")
    worlds = Worlds(scenario, split, None if recording is None else str(recording))
    who = method(policy, trust_pickle=trust_pickle)
    check_fit([who], worlds)
    size = replay_page(who, worlds, episode, html, cache)
    typer.echo(f"replay: {html}, {size / 1e6:.1f} MB")


def _check(option: str, path: Path) -> None:
    if path.suffix not in HTML:
        from wattward.configs.schema.base import ConfigError

        raise ConfigError(f"{option} {path}: suffix {path.suffix!r}: must be .html")
