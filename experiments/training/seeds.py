"""Trains an agent with several seeds side by side, in local processes or on a Ray cluster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from wattward.configs.files import replacing_folder
from wattward.configs.schema.base import ConfigError
from wattward.experiments.evaluation.executor import Means, drain
from wattward.experiments.training.runs import Run

MOST_SEEDS = 1000
Files = dict[str, bytes]
"""Contents of files by their path within a folder."""


def parse_seeds(text: str) -> list[int]:
    """Reads seeds such as "0-4", "3" or "0,2,5-7"; each is kept once, in the order given.

    Raises:
        ConfigError: the text has another form, or names more than 1,000 seeds.
    """
    seeds: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ConfigError(f"--seeds {text!r}: must be numbers and ranges, such as 0-4 or 0,2,5-7")
        low, high = int(first), int(last or first)
        if not 0 <= high - low < MOST_SEEDS:
            raise ConfigError(
                f"--seeds {text!r}: {part.strip()} must be a range of 1 to {MOST_SEEDS} seeds, lowest first"
            )
        seeds |= dict.fromkeys(range(low, high + 1))
    return list(seeds)


Train = Callable[[Run, Console], None]
"""Trains a prepared run to its end, from its last complete checkpoint; a function at module level, or a partial one."""


@dataclass(frozen=True)
class _Task:
    """A run; `files` are those of an interrupted one that goes on elsewhere."""

    run: Run
    files: Files


def train_seeds(
    runs: Sequence[Run], train: Train, *, resume: bool = False, overwrite: bool = False, means: Means | None = None
) -> list[Path]:
    """Trains the runs of an agent with several seeds. Each is the same as alone, whichever process trains it.

    Local processes write into the folders of their runs, so that an interrupted run can be resumed from its last
    checkpoint. On a cluster a node trains in a temporary folder and sends all files when it is done. If the node dies,
    another one trains this seed from where the command began.

    Args:
        runs: The planned runs.
        train: Trains one of them, normally `train_run`.
        resume: Whether to continue interrupted runs. Finished runs are never repeated.
        overwrite: Whether to delete the files of earlier runs and start again.
        means: Where and in how many processes; two local ones by default.

    Returns:
        The folders of the finished policies, in the order of the runs.

    Raises:
        ConfigError: another run is in a folder, or an unfinished one and `resume` is False. Then nothing is written.
    """
    means = means or Means()
    todo = [run for run in runs if not run.is_finished(resume=resume, overwrite=overwrite)]
    for run in todo:
        run.prepare(resume=resume, overwrite=overwrite)
    away = means.executor != "local"
    tasks = [_Task(run, _read(run.directory) if away else {}) for run in todo]

    def keep(task: _Task, files: Files) -> None:
        if files:
            with replacing_folder(task.run.directory) as folder:
                _write(folder, files)

    work = partial(_trained_away if away else _trained_here, train)
    drain(work, tasks, keep, means, "training runs", done=len(runs) - len(todo))
    return [run.final for run in runs]


def _trained_here(train: Train, task: _Task) -> Files:
    with Path(os.devnull).open("w") as silence:
        train(task.run, Console(file=silence))
    return {}


def _trained_away(train: Train, task: _Task) -> Files:
    """Trains in a temporary folder and returns all files of the run."""
    with tempfile.TemporaryDirectory(prefix="wattward-run-") as folder:
        run = task.run
        there = Run(Path(folder), run.agent, run.scenario, run.settings, run.seed)
        _write(there.directory, task.files)
        _trained_here(train, _Task(there, {}))
        return _read(there.directory)


def _read(folder: Path) -> Files:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
