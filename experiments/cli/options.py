"""Options that several commands share, and how they speak."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Executor = Literal["local", "ray"]
CACHE = Path("results/cache")
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes.")]
Where = Annotated[Executor, typer.Option("--executor", help="local processes, or a ray cluster: docs/running.md.")]
Recording = Annotated[
    Path | None, typer.Option("--recording", help="Folder of recorded series, see docs/recordings.md.")
]
Cache = Annotated[Path, typer.Option("--cache", help="Folder of finished work; safe to delete.")]


def folder(recording: Path | None) -> str | None:
    """The recording's folder as text.

    Raises:
        ConfigError: there is no such folder.
    """
    if recording is not None and not recording.is_dir():
        from wattward.configs.schema.base import ConfigError

        raise ConfigError(f"--recording {recording}: no such folder")
    return None if recording is None else str(recording)


def show(table: object) -> None:
    """Prints a table, 100 columns wide at least."""
    from rich.console import Console

    console = Console()
    console.width = max(console.width, 100)
    console.print(table)
