"""Local processes: all results, one Ctrl-C, and no process outlives the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wattward.configs import ConfigError
from wattward.experiments.evaluation.local_executor import spread

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
ORPHANS = """
import os, sys, time
from pathlib import Path
from wattward.experiments.evaluation.local_executor import spread
from functools import partial

def work(folder, item):
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)

list(spread(partial(work, sys.argv[1]), range(4), 2))
"""


def interrupts_and_drops_it(item: int) -> int:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return item
    raise AssertionError("Ctrl-C did nothing")


def dies(item: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_every_item_comes_back_once_with_its_index(jobs: int) -> None:
    assert sorted(spread(str, range(5), jobs)) == [(k, str(k)) for k in range(5)]


@posix
@pytest.mark.parametrize("items", [1, 3])
def test_an_interrupt_that_was_dropped_still_ends_the_run(items: int) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):
        for _, item in spread(interrupts_and_drops_it, range(items), 1):
            done.append(item)
    assert done == [0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@posix
def test_a_process_that_dies_is_told_in_clear_words() -> None:
    with pytest.raises(ConfigError, match=r"a local process died .*what is done is kept"):
        list(spread(dies, range(3), 2))


@posix
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc")
def test_processes_end_when_their_driver_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHANS, tmp_path]) as driver:
        while len(workers := [int(path.name) for path in tmp_path.iterdir()]) < 2 and driver.poll() is None:
            time.sleep(0.05)
        driver.kill()
    assert len(workers) == 2
    until = time.monotonic() + 60
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < until
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
