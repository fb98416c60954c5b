"""A grid of work in processes of this machine, over joblib's loky; Ctrl-C and the driver's own death end them all."""

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
    """Results with the index of their item, each as soon as it is there, in no order.

    Args:
        work: can be pickled, where there is more than one process.
        items: what to work on.
        jobs: processes; with 1 the work is done in this one, in order.

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
    # loky's manager thread fails with a KeyError where it is told to kill while work that it has not yet queued remains
    until = time.monotonic() + SETTLE_S
    while kill and not all(future.running() or future.done() for future in flying) and time.monotonic() < until:
        time.sleep(0.01)
    pool.shutdown(wait=True, kill_workers=kill)


def _follow(driver: int) -> None:
    """In a worker: leaves Ctrl-C to the driver, and ends when the driver is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(ORPHAN_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _heeding_interrupts() -> Iterator[Callable[[], None]]:
    """Gives a check that raises KeyboardInterrupt where one was raised before and lost.

    Python raises it in whatever code runs at that moment; raised in a callback of compiled code or in a destructor,
    it is printed or dropped and the run goes on.
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
    """Processes started in the block ignore Ctrl-C from their first moment, so that none dies of it while starting."""
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
