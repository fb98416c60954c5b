"""Kills a leaderboard again and again while it runs, and holds what it ends with against a run that was left alone.

`python -m wattward.experiments.kill_test SUITE` (`make kill-test`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMINGS = ("decision_us",)
"""Fields of a record that differ from run to run; all others are the same bit for bit."""
POLL_S, LINGER_S = 0.02, 0.3
Files = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Outcome:
    """What came of it: finished files at each kill, and how many there are in the end."""

    at_kills: list[int]
    files: int


class KillTestError(AssertionError):
    """A finished result was lost, made again, or differs from that of a run left alone."""


def kill_test(suite: str, folder: Path, *, kills: int = 10, jobs: int = 2, seed: int = 0) -> Outcome:
    """Runs a suite once left alone and once killed with SIGKILL at random moments, each time started again.

    Args:
        suite: by name or file.
        folder: for both runs.
        kills: how often.
        jobs: local processes.
        seed: of the random moments.

    Raises:
        KillTestError: something was lost, made again, or is different.
        RuntimeError: a run failed by itself.
    """
    rng = random.Random(seed)
    alone, killed = folder / "alone", folder / "killed"
    _finish(_start(suite, alone, jobs))
    total = len(finished(alone))
    at_kills: list[int] = []
    before: Files = {}
    for _ in range(kills):
        run = _start(suite, killed, jobs)
        if not _kill(run, killed, len(before) + rng.randint(0, total // kills), rng.uniform(0.0, LINGER_S)):
            break
        after = finished(killed)
        _check_kept(before, after)
        before = after
        at_kills.append(len(after))
    _finish(_start(suite, killed, jobs))
    _check_kept(before, finished(killed))
    check_same(alone, killed)
    return Outcome(at_kills, total)


def finished(folder: Path) -> Files:
    """Results under a folder, with the inode and the time [ns] of each: both change when it is written again."""
    found = [path for path in folder.glob("cache/*/*.json") if not path.name.startswith(".")]
    stats = {str(path.relative_to(folder)): path.stat() for path in found}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def check_same(one: Path, two: Path) -> None:
    """Holds two runs' results against each other, byte by byte but for timings.

    Raises:
        KillTestError: they differ.
    """
    names = [set(finished(folder)) for folder in (one, two)]
    if names[0] != names[1]:
        raise KillTestError(f"results in one of the two only: {sorted(names[0] ^ names[1])}")
    other = [name for name in sorted(names[0]) if _untimed(one / name) != _untimed(two / name)]
    if other:
        raise KillTestError(f"results differ: {other}")


def _check_kept(before: Files, after: Files) -> None:
    lost = sorted(set(before) - set(after))
    again = sorted(name for name in set(before) & set(after) if before[name] != after[name])
    if lost or again:
        raise KillTestError(f"lost: {lost}; made again: {again}")


def _untimed(path: Path) -> str:
    data: Any = json.loads(path.read_text(encoding="utf-8"))
    rows = data if isinstance(data, list) else [data]
    return json.dumps([{key: value for key, value in row.items() if key not in TIMINGS} for row in rows])


def _start(suite: str, folder: Path, jobs: int) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "wattward.experiments.cli", "leaderboard", suite]
    options = ["--cache", str(folder / "cache"), "--out", str(folder / "out"), "--jobs", str(jobs)]
    return subprocess.Popen([*program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _finish(run: subprocess.Popen[str]) -> None:
    _, told = run.communicate()
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, run.args))} ended with {run.returncode}:\n{told}")  # type: ignore[arg-type]


def _kill(run: subprocess.Popen[str], folder: Path, wanted: int, linger_s: float) -> bool:
    """Kills a run a moment after it has so many results; False where it ended before."""
    while len(finished(folder)) < wanted and run.poll() is None:
        time.sleep(POLL_S)
    time.sleep(linger_s)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    if run.stderr is not None:
        run.stderr.close()
    return run.returncode == -signal.SIGKILL


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of `make kill-test`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("suite", nargs="?", default="quick")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="wattward-kill-test-") as folder:
        outcome = kill_test(asked.suite, Path(folder), kills=asked.kills, jobs=asked.jobs, seed=asked.seed)
    sys.stdout.write(
        f"killed {len(outcome.at_kills)} times with {', '.join(map(str, outcome.at_kills))} of {outcome.files} results "
        "done; none lost, none made again, all as in a run left alone\n"
    )


if __name__ == "__main__":
    main()
