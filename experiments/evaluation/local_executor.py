"""Runs a grid of work in local processes, with joblib's loky.

All processes end on Ctrl-C and when the driver process ends.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from wattward.configs.schema.base import ConfigError

if TYPE_CHECKING:
    from joblib.externals.loky import ProcessPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")
HEED_S, ORPHAN_S, SETTLE_S = 0.5, 1.0, 2.0
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def spread(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int
) -> Generator[tuple[int, Result], None, None]:
    """Yields each result with the index of its item, as soon as it is available and in any order.

    Args:
        work: Function of one item; it must be picklable if there is more than one process.
        items: The items.
        jobs: Number of processes; with 1, this process does the work in order.

    Raises:
        ConfigError: a process died.
    """
    with _heeding_interrupts() as heed:
        if jobs == 1 or len(items) < 2:
            for index, item in enumerate(items):
                heed()
                yield index, work(item)
            heed()
            return
        yield from _in_pool(work, items, min(jobs, len(items)), heed)


def _in_pool(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int, heed: Callable[[], None]
) -> Generator[tuple[int, Result], None, None]:
    from joblib.externals.loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(max_workers=jobs, initializer=_follow, initargs=(os.getpid(),), env=ONE_THREAD)
    waiting = iter(enumerate(items))
    flying: dict[Future[Result], int] = {}
    ended = False
    try:
        with _children_deaf_to_interrupts():
            _submit(pool, work, islice(waiting, jobs + 1), flying)
        while flying:
            heed()
            done, _ = wait(flying, timeout=HEED_S, return_when=FIRST_COMPLETED)
            for future in done:
                index = flying.pop(future)
                _submit(pool, work, islice(waiting, 1), flying)
                yield index, _got(future)
        ended = True
    finally:
        _close(pool, flying, kill=not ended)


def _got(future: Future[Result]) -> Result:
    try:
        return future.result()
    except BrokenExecutor as error:
        told = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"a local process died ({told}); what is done is kept, the same command goes on from there, "
            "with fewer --jobs if memory was short"
        ) from None


def _submit(
    pool: ProcessPoolExecutor,
    work: Callable[[Item], Result],
    some: Iterator[tuple[int, Item]],
    flying: dict[Future[Result], int],
) -> None:
    for index, item in some:
        flying[pool.submit(work, item)] = index


def _close(pool: ProcessPoolExecutor, flying: dict[Future[Any], int], kill: bool) -> None:
    # loky's manager thread raises a KeyError if it must kill workers while some work is not yet queued
    until = time.monotonic() + SETTLE_S
    while kill and not all(future.running() or future.done() for future in flying) and time.monotonic() < until:
        time.sleep(0.01)
    pool.shutdown(wait=True, kill_workers=kill)


def _follow(driver: int) -> None:
    """Runs in a worker: ignores Ctrl-C, which the driver handles, and ends the worker when the driver has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(ORPHAN_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _heeding_interrupts() -> Iterator[Callable[[], None]]:
    """Provides a check that raises KeyboardInterrupt again if an earlier one was lost.

    Python raises KeyboardInterrupt in the code that happens to run. In a callback of compiled code or in a destructor,
    the exception is only printed or dropped, and the run would continue.
    """
    pressed = threading.Event()

    def heed() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    def press(*_: object) -> None:
        pressed.set()
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or not _in_main_thread():
        yield heed
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield heed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _children_deaf_to_interrupts() -> Iterator[None]:
    """Makes processes that start in this block ignore Ctrl-C, so that it cannot end them during their start."""
    if not _in_main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
