"""Kills a running leaderboard repeatedly, and compares its final results with those of an uninterrupted run.

Run it with `python -m wattward.experiments.evaluation.kill_test SUITE` (`make kill-test`). If a suite takes too long to
run twice, use `--into FOLDER --within SECONDS` on the run that publishes it. This kills the run `--kills` times, each
time within SECONDS of its start, then lets it finish and keeps its results.
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

from wattward.experiments.common.finished_work import read_finished

TIMINGS = ("decision_us",)
"""Fields of a record that differ between runs; all other fields are the same bit for bit."""
POLL_S, LINGER_S = 0.02, 0.3
Files = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Outcome:
    """Result of a test: the number of finished files at each kill and at the end."""

    at_kills: list[int]
    files: int


class KillTestError(AssertionError):
    """A finished result was lost or computed again, or differs from that of an uninterrupted run."""


def kill_test(suite: str, folder: Path, *, kills: int = 10, jobs: int = 2, seed: int = 0) -> Outcome:
    """Runs a suite once without interruption, and once killed with SIGKILL at random moments and restarted each time.

    Args:
        suite: Name or file of the suite.
        folder: Folder for both runs.
        kills: Number of kills.
        jobs: Number of local processes.
        seed: Seed of the random moments.

    Raises:
        KillTestError: a result was lost, computed again, or is different.
        RuntimeError: a run failed without being killed.
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


def killed_on_the_way(
    suite: str, folder: Path, *, kills: int, within_s: float, jobs: int = 2, seed: int = 0, more: Sequence[str] = ()
) -> Outcome:
    """Runs a suite, kills it at random moments and restarts it each time.

    The suite writes to FOLDER/SUITE and stores its results in FOLDER/cache.

    Args:
        suite: Name or file of the suite.
        folder: Folder of results.
        kills: Number of kills.
        within_s: Longest time from a start to its kill [s].
        jobs: Number of local processes.
        seed: Seed of the random moments.
        more: Additional options of `wattward leaderboard`.

    Raises:
        KillTestError: a result was lost or computed again.
        RuntimeError: a run failed without being killed.
    """
    rng, at_kills, before = random.Random(seed), list[int](), finished(folder)
    for _ in range(kills):
        run = _start(suite, folder, jobs, out=folder / Path(suite).stem, more=more)
        if not _kill(run, folder, 0, rng.uniform(0.0, within_s)):
            break
        after = finished(folder)
        _check_kept(before, after)
        before = after
        at_kills.append(len(after))
        sys.stderr.write(f"killed with {len(after)} results done\n")
    _finish(_start(suite, folder, jobs, out=folder / Path(suite).stem, more=more))
    after = finished(folder)
    _check_kept(before, after)
    return Outcome(at_kills, len(after))


def finished(folder: Path) -> Files:
    """Returns the inode and time [ns] of each result in a folder; both change when a result is written again."""
    found = [path for path in folder.glob("cache/*/*.json") if not path.name.startswith(".")]
    stats = {str(path.relative_to(folder)): path.stat() for path in found}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def check_same(one: Path, two: Path) -> None:
    """Checks that the results of two runs are identical except for timings.

    Raises:
        KillTestError: the results differ.
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
    data: Any = read_finished(path)
    if data is None:
        raise KillTestError(f"{path}: half-written or altered")
    rows = data if isinstance(data, list) else [data]
    return json.dumps([{key: value for key, value in row.items() if key not in TIMINGS} for row in rows])


def _start(
    suite: str, folder: Path, jobs: int, *, out: Path | None = None, more: Sequence[str] = ()
) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "wattward.experiments.cli.main", "leaderboard", suite]
    options = ["--cache", str(folder / "cache"), "--out", str(out or folder / "out"), "--jobs", str(jobs)]
    return subprocess.Popen([*program, *options, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _finish(run: subprocess.Popen[str]) -> None:
    _, told = run.communicate()
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, run.args))} ended with {run.returncode}:\n{told}")  # type: ignore[arg-type]


def _kill(run: subprocess.Popen[str], folder: Path, wanted: int, linger_s: float) -> bool:
    """Kills a run `linger_s` seconds after it has `wanted` results; returns False if the run ended before."""
    while len(finished(folder)) < wanted and run.poll() is None:
        time.sleep(POLL_S)
    time.sleep(linger_s)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    if run.stderr is not None:
        run.stderr.close()
    return run.returncode == -signal.SIGKILL


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line of `make kill-test`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("suite", nargs="?", default="quick")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", type=Path, help="folder of results to keep; nothing is run twice")
    parser.add_argument("--within", type=float, default=60.0, help="with --into: longest time until a kill [s]")
    asked, more = parser.parse_known_args(arguments)
    if asked.into:
        outcome = killed_on_the_way(
            asked.suite,
            asked.into,
            kills=asked.kills,
            within_s=asked.within,
            jobs=asked.jobs,
            seed=asked.seed,
            more=more,
        )
        _tell(outcome, "none lost, none made again")
        return
    with tempfile.TemporaryDirectory(prefix="wattward-kill-test-") as folder:
        outcome = kill_test(asked.suite, Path(folder), kills=asked.kills, jobs=asked.jobs, seed=asked.seed)
    _tell(outcome, "none lost, none made again, all as in a run left alone")


def _tell(outcome: Outcome, verdict: str) -> None:
    done = ", ".join(map(str, outcome.at_kills))
    sys.stdout.write(f"killed {len(outcome.at_kills)} times with {done} of {outcome.files} results done; {verdict}\n")


if __name__ == "__main__":
    main()
