"""Options that several commands share, and common output: tables, progress bars, messages for errors and Ctrl-C."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import typer

BAD_INPUT, DIFFERENT, INTERRUPTED = 2, 1, 130
"""Exit codes: the input cannot be used; a check found a difference; the command was ended by Ctrl-C."""
KEPT = "what was finished is kept; the same command goes on from there"
NOTHING = "nothing was written"
CACHE = Path("results/cache")
NARROW = 80
"""Width of a small terminal, which most tables fit."""
Given = ParamSpec("Given")
Answer = TypeVar("Answer")

Executor = Literal["local", "ray"]
Scenario = Annotated[str, typer.Option("--scenario", help="A scenario by name or file; +NAME or +FILE disturbs it.")]
Split = Annotated[str, typer.Option("--split", help="train, validation or test.")]
Episodes = Annotated[int, typer.Option("--episodes", min=1, help="Episodes 0..N-1 of the split.")]
Episode = Annotated[int, typer.Option("--episode", min=0, help="Its index in the split.")]
PolicySeed = Annotated[int, typer.Option("--seed", min=0, help="Of the policies' own randomness.")]
Policy = Annotated[str, typer.Argument(help="A rule by name, or a checkpoint folder.")]
Recording = Annotated[
    Path | None, typer.Option("--recording", help="Folder of recorded series, see docs/recordings.md.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes.")]
Where = Annotated[Executor, typer.Option("--executor", help="local processes, or a ray cluster: docs/running.md.")]
Cache = Annotated[Path, typer.Option("--cache", help="Folder of finished work; safe to delete.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of training runs.")]
Page = Annotated[Path | None, typer.Option("--page", help="A page whose tables are written anew.")]
TableFolder = Annotated[Path, typer.Option("--out", help="Folder of the table.")]
Trust = Annotated[
    bool,
    typer.Option("--trust-pickle", help="Load a foreign .zip agent, although doing so runs whatever code is in it."),
]


def interruptible(
    told: str | Callable[[Mapping[str, Any]], str],
) -> Callable[[Callable[Given, Answer]], Callable[Given, Answer]]:
    """Returns a decorator that prints what a command has kept when Ctrl-C ends it, and sets exit code 130.

    Args:
        told: The text after "interrupted; ", or a function that makes it from the command's options by name.
    """

    def decorate(command: Callable[Given, Answer]) -> Callable[Given, Answer]:
        @functools.wraps(command)
        def run(*args: Given.args, **options: Given.kwargs) -> Answer:
            try:
                return command(*args, **options)
            except KeyboardInterrupt:
                typer.echo(f"interrupted; {told if isinstance(told, str) else told(options)}", err=True)
                raise typer.Exit(INTERRUPTED) from None

        return run

    return decorate


@contextmanager
def speaking_plainly() -> Iterator[None]:
    """Ends the program with one clear message: with exit code 2 for bad input, and with 130 after Ctrl-C."""
    try:
        yield
    except ValueError as error:
        from wattward.configs.schema.base import ConfigError

        if not isinstance(error, ConfigError):
            raise
        typer.echo("\n".join(f"error: {line}" for line in str(error).splitlines()), err=True)
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None


def folder(recording: Path | None) -> str | None:
    """Returns the recording's folder as text, or None if there is no recording.

    Raises:
        ConfigError: the folder does not exist.
    """
    if recording is not None and not recording.is_dir():
        from wattward.configs.schema.base import ConfigError

        raise ConfigError(f"--recording {recording}: no such folder")
    return None if recording is None else str(recording)


def show(table: object, width: int = 100) -> None:
    """Prints a table with a console width of at least `width` columns."""
    from rich.console import Console

    console = Console()
    console.width = max(console.width, width)
    console.print(table)
    console.print()


@contextmanager
def counting(unit: str) -> Iterator[Callable[[str], None]]:
    """Shows a progress bar; each call of the returned function counts one item and shows its description."""
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", leave=False) as bar:

        def tick(what: str) -> None:
            bar.set_description(what)
            bar.update()

        yield tick
