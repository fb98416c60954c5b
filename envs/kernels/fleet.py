"""All arrays of a batch, and how a kernel accesses them.

Python passes one table of addresses to a kernel instead of the arrays, because every array that Python passes to a
compiled function costs a tenth of a microsecond.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import inlined
from wattward.envs.kernels.pointers import array_at
from wattward.envs.model.layout import (
    ENV,
    FLOW,
    HOUR,
    JOB,
    JOB_CLASS,
    N_FLOWS,
    N_PICKS,
    N_TALLIED,
    ON_ARRIVAL,
    QUEUED,
    REGION,
    SCENARIO,
    SITE,
    STORE,
    STORED,
    WISH,
    Places,
    Rows,
)
from wattward.envs.model.types import COST_TERMS, Floats, Ints

COST, TERMS = 0, 1
CONSTRAINT = TERMS + len(COST_TERMS)
REWARD = CONSTRAINT + 1
N_OUTCOMES = REWARD + 1
"""Columns of `Fleet.outcome`: the cost, COST_TERMS, the cost that constraints count, and the reward."""
F8, F4, I8, I4 = np.dtype("f8"), np.dtype("f4"), np.dtype("i8"), np.dtype("i4")
I2, I1, B1 = np.dtype("i2"), np.dtype("i1"), np.dtype("?")


class Fleet(NamedTuple):
    """B environments, their parameters and a bank of K episodes. P is 1 if all share one row of parameters, else B."""

    scenario: Rows  # (P,) SCENARIO
    sites: Rows  # (P, R) SITE
    classes: Rows  # (P, C) JOB_CLASS
    stores: Rows  # (P, R, S) STORE
    env: Rows  # (B,) ENV
    regions: Rows  # (B, R) REGION
    stored: Rows  # (B, R, S) STORED
    flows: Rows  # (B, R) FLOW
    tally: Floats  # (B, R, N_TALLIED)
    class_gpu_h: Floats  # (B, R, C) work done by job class in the last step [GPU-h]
    queue: Rows  # (B, A) QUEUED
    order: Ints  # (B, R) scratch
    picks: Places  # (B, N_PICKS, A) places in the queue that the scan found, see DUE
    choices: NDArray[np.int16]  # (B, A) actions: WAIT, HERE or region + 1 for each movable job, by the queue
    wishes: Rows  # (B, A) WISH of the same jobs
    modes: Ints  # (B, E) actions: a mode for each region, then an order for each store that actions order
    observations: NDArray[np.float32]  # (B, O)
    outcome: Floats  # (B, N_OUTCOMES)
    ended: NDArray[np.bool_]  # (B,) whether the episode ended in this step
    n_jobs: Ints  # (K,)
    hours: Rows  # (K, T, R) HOUR
    jobs: Rows  # (K, J) JOB
    ahead: NDArray[np.float32]  # (K, T, W) the part of observations that depends on the world alone
    on_arrival: Rows  # (K, T) ON_ARRIVAL
    addresses: Ints  # the table of the addresses and sizes of all other arrays, see `linked`


N_ARRAYS = len(Fleet._fields) - 1
FLOWS, HOURS, AHEAD = (Fleet._fields.index(name) for name in ("flows", "hours", "ahead"))
LINE, FAR, HOUR_BYTES, F4_BYTES = 64, 512, HOUR.itemsize, F4.itemsize
"""Sizes in bytes: a cache line; the most of a row that is prefetched; an HOUR; a float.

The hardware itself prefetches what follows a run of lines.
"""


def linked(fleet: Fleet, most_arrivals: int) -> Fleet:
    """Returns the fleet with the table of the addresses and sizes of its arrays, which `opened` reads.

    The arrays must be C-contiguous and outlive every use of the table. The last number of the table is the most jobs
    that may arrive in one step.
    """
    arrays = fleet[:N_ARRAYS]
    assert all(array.flags.c_contiguous for array in arrays)
    sizes = (*fleet.classes.shape, *fleet.queue.shape, *fleet.hours.shape, fleet.jobs.shape[1])
    widths = (fleet.observations.shape[1], fleet.ahead.shape[2], fleet.modes.shape[1], fleet.stores.shape[2])
    numbers = [*(array.ctypes.data for array in arrays), *sizes, *widths, most_arrivals]
    return fleet._replace(addresses=np.array(numbers, dtype=np.int64))


@inlined
def opened(a: Ints) -> Fleet:
    """Returns the arrays of a table of addresses."""
    n_params, n_classes, n_envs, places = a[N_ARRAYS], a[N_ARRAYS + 1], a[N_ARRAYS + 2], a[N_ARRAYS + 3]
    n_slots, n_rows, n_regions, n_jobs = a[N_ARRAYS + 4], a[N_ARRAYS + 5], a[N_ARRAYS + 6], a[N_ARRAYS + 7]
    size, width, entries, n_stores = a[N_ARRAYS + 8], a[N_ARRAYS + 9], a[N_ARRAYS + 10], a[N_ARRAYS + 11]
    return Fleet(
        array_at(a[0], (n_params,), SCENARIO),
        array_at(a[1], (n_params, n_regions), SITE),
        array_at(a[2], (n_params, n_classes), JOB_CLASS),
        array_at(a[3], (n_params, n_regions, n_stores), STORE),
        array_at(a[4], (n_envs,), ENV),
        array_at(a[5], (n_envs, n_regions), REGION),
        array_at(a[6], (n_envs, n_regions, n_stores), STORED),
        array_at(a[7], (n_envs, n_regions), FLOW),
        array_at(a[8], (n_envs, n_regions, N_TALLIED), F8),
        array_at(a[9], (n_envs, n_regions, n_classes), F8),
        array_at(a[10], (n_envs, places), QUEUED),
        array_at(a[11], (n_envs, n_regions), I8),
        array_at(a[12], (n_envs, N_PICKS, places), I4),
        array_at(a[13], (n_envs, places), I2),
        array_at(a[14], (n_envs, places), WISH),
        array_at(a[15], (n_envs, entries), I8),
        array_at(a[16], (n_envs, size), F4),
        array_at(a[17], (n_envs, N_OUTCOMES), F8),
        array_at(a[18], (n_envs,), B1),
        array_at(a[19], (n_slots,), I8),
        array_at(a[20], (n_slots, n_rows, n_regions), HOUR),
        array_at(a[21], (n_slots, n_jobs), JOB),
        array_at(a[22], (n_slots, n_rows, width), F4),
        array_at(a[23], (n_slots, n_rows), ON_ARRIVAL),
        a,
    )


def _to_prefetch(typingctx: Any, address: Any) -> Any:  # noqa: ANN401, ARG001 - Numba's protocol
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401, ARG001
        pointer, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, flag, flag, flag])
        fetch = cast("Any", cgutils).get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(fetch, [builder.inttoptr(args[0], pointer), flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.none(types.int64), codegen


_prefetch = cast("Callable[[Any], None]", intrinsic(_to_prefetch))


@inlined
def fetch_ahead(a: Ints, slot: int, step: int) -> None:
    """Prefetches the rows of the world that the end of a step reads, so that they are in the cache by then."""
    n_rows, n_regions, width = a[N_ARRAYS + 5], a[N_ARRAYS + 6], a[N_ARRAYS + 9]
    row = slot * n_rows + step
    hours, ahead = n_regions * HOUR_BYTES, width * F4_BYTES
    for line in range(0, min(hours, FAR), LINE):
        _prefetch(a[HOURS] + row * hours + line)
    for line in range(0, min(ahead, FAR), LINE):
        _prefetch(a[AHEAD] + row * ahead + line)


@inlined
def job_arrays(
    rows_at: int, mask_at: int, rows_shape: tuple[int, int, int], mask_shape: tuple[int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """The arrays of float32 and of int8 at the given addresses."""
    return array_at(rows_at, rows_shape, F4), array_at(mask_at, mask_shape, I1)


@inlined
def flow_numbers(a: Ints) -> Floats:
    """The flows as plain numbers, shape (B, R, N_FLOWS)."""
    return array_at(a[FLOWS], (a[N_ARRAYS + 2], a[N_ARRAYS + 6], N_FLOWS), F8)
