"""Read-only copies of what a policy may know; outlooks are made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wattward.envs.model.types import Exogenous, Floats, Ints

Array = TypeVar("Array", bound=NDArray[Any])


class Queue(NamedTuple):
    """A copy of the jobs present, as the simulator holds them; a `JobView` is made from it."""

    number: Ints  # (A,)
    region: Ints  # (A,)
    status: Ints  # (A,)
    alloc_gpus: Floats  # (A,) held in the last step
    paused: NDArray[np.bool_]  # (A,)
    ready_step: Ints  # (A,)
    expected_gpu_h: Floats  # (A,) the owners' estimate; in a perfect outlook the true work left
    job_class: Ints  # (A,)
    deadline_step: Ints  # (A,)
    gpus: Floats  # (A,)
    data_gb: Floats  # (A,)


class Present(NamedTuple):
    """The state of the world in this step; each field has shape (R,)."""

    air_c: Floats
    hydro_kw: Floats
    gpus_in_order: Floats
    wan_share: Floats
    announced_cut_kw: Floats
    announced_in_h: Floats


class Past(NamedTuple):
    """What a policy may have seen in earlier steps, the present step last."""

    cut_kw: Floats  # (steps, R) as many steps as an event lasts, and one more
    direct_kw: Floats  # (steps, R) over the last day


class Truth(NamedTuple):
    """The true future; only a perfect outlook has it."""

    world: Exogenous  # B = 1
    left_gpu_h: Floats  # (A,) true work left of the jobs present
    estimate_gpu_h: Floats  # (A,) what their owners expect, which decides when a job is due


def read_only(array: Array) -> Array:
    """Makes an array read-only and returns it; for arrays that no other code holds."""
    array.setflags(write=False)
    return array


def immutable(fields: Any) -> Any:  # noqa: ANN401 - the same named tuple of arrays
    """Copies a (nested) named tuple of arrays, such as `Params` or `Exogenous`, so that they can never be written.

    The copies are over bytes. An array that owns its memory could be made writable again; an array over bytes cannot.
    """
    return type(fields)._make(immutable(part) if isinstance(part, tuple) else _over_bytes(part) for part in fields)


def _over_bytes(array: Array) -> Array:
    if array.size:
        return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)  # type: ignore[return-value]
    return np.frombuffer(bytes(array.itemsize), array.dtype)[:0].reshape(array.shape)  # type: ignore[return-value]
