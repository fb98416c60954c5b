"""Trains an agent with several seeds side by side, in local processes or on a Ray cluster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from wattward.configs.files import replacing_folder
from wattward.configs.schema.agent import AgentSettings
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.experiments.evaluation.executor import Means, drain
from wattward.experiments.training.train import Run, planned_run, train_run

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


@dataclass(frozen=True)
class _Planned:
    """Everything that a process needs to train a run; `files` are those of an interrupted run, elsewhere trained."""

    agent: str
    scenario: Scenario
    settings: AgentSettings
    seed: int
    torch_threads: int
    files: Files

    def run(self, out: Path) -> Run:
        """The run with its folder below `out`."""
        return Run(out, self.agent, self.scenario, self.settings, self.seed)


def train_seeds(
    agent: str,
    scenario: str,
    seeds: Sequence[int],
    *,
    out: Path = Path("runs"),
    total_steps: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    torch_threads: int = 1,
    means: Means | None = None,
) -> list[Path]:
    """Trains an agent once with each seed. Each run is the same as that of `train_agent`, whichever process trained it.

    Local processes write into the folders of their runs, so that an interrupted run can be resumed from its last
    checkpoint. On a cluster a node trains in a temporary folder and sends all files when it is done. If the node dies,
    another one trains this seed from where the command began.

    Args:
        agent: Name of a shipped agent, or path of a settings file.
        scenario: Name of a shipped scenario, or path of a scenario file.
        seeds: Training seeds.
        out: Folder of all runs.
        total_steps: Replaces the value in the settings.
        resume: Whether to continue interrupted runs. Finished runs are never repeated.
        overwrite: Whether to delete the files of earlier runs and start again.
        torch_threads: Number of PyTorch threads of each run.
        means: Where and in how many processes; two local ones by default.

    Returns:
        The folders of the finished policies, in the order of the seeds.

    Raises:
        ConfigError: a name is unknown, the settings are wrong, or another or an unfinished run is in a folder.
    """
    means = means or Means()
    runs = [planned_run(agent, scenario, seed, out=out, total_steps=total_steps) for seed in seeds]
    todo = [run for run in runs if not run.is_finished(resume=resume, overwrite=overwrite)]
    for run in todo:
        run.prepare(resume=resume, overwrite=overwrite)
    away = means.executor != "local"
    planned = [
        _Planned(run.agent, run.scenario, run.settings, run.seed, torch_threads, _read(run.directory) if away else {})
        for run in todo
    ]

    def keep(one: _Planned, files: Files) -> None:
        if files:
            with replacing_folder(one.run(out).directory) as folder:
                _write(folder, files)

    work = _trained_away if away else partial(_trained_here, out)
    drain(work, planned, keep, means, "training runs", done=len(runs) - len(todo))
    return [run.final for run in runs]


def _trained_here(out: Path, one: _Planned) -> Files:
    _train(one, out)
    return {}


def _trained_away(one: _Planned) -> Files:
    """Trains in a temporary folder and returns all files of the run."""
    with tempfile.TemporaryDirectory(prefix="wattward-run-") as folder:
        directory = one.run(Path(folder)).directory
        _write(directory, one.files)
        _train(one, Path(folder))
        return _read(directory)


def _train(one: _Planned, out: Path) -> None:
    with Path(os.devnull).open("w") as silence:
        train_run(one.run(out), Console(file=silence), torch_threads=one.torch_threads, progress=False)


def _read(folder: Path) -> Files:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
