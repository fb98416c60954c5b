"""Copies of what may be known, of which an outlook is made: arrays that nobody writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wattward.envs.model.types import Exogenous, Floats, Ints

Array = TypeVar("Array", bound=NDArray[Any])


class Queue(NamedTuple):
    """The jobs present as the simulator holds them, copied; `JobView` is what is made of it."""

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
    """What the world is like in this step, each of shape (R,)."""

    air_c: Floats
    hydro_kw: Floats
    gpus_in_order: Floats
    wan_share: Floats
    announced_cut_kw: Floats
    announced_in_h: Floats


class Past(NamedTuple):
    """What a policy may have seen in earlier steps, the present step last."""

    cut_kw: Floats  # (steps, R) as long as an event lasts, and one step more
    direct_kw: Floats  # (steps, R) of the last day


class Truth(NamedTuple):
    """What will be; only a perfect outlook has it."""

    world: Exogenous  # B = 1
    left_gpu_h: Floats  # (A,) true work left of the jobs present
    estimate_gpu_h: Floats  # (A,) what their owners expect, which decides when a job is due


def read_only(array: Array) -> Array:
    """The array itself, no longer to be written; for arrays that nobody else holds."""
    array.setflags(write=False)
    return array


def immutable(fields: Any) -> Any:  # noqa: ANN401 - the same named tuple of arrays
    """A named tuple of arrays, such as `Params` or `Exogenous`, in copies that nobody can ever write.

    An array that owns its memory can be made writable again; one over bytes cannot.
    """
    return type(fields)._make(_over_bytes(field) for field in fields)


def _over_bytes(array: Array) -> Array:
    if array.size:
        return np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)  # type: ignore[return-value]
    return np.frombuffer(bytes(array.itemsize), array.dtype)[:0].reshape(array.shape)  # type: ignore[return-value]
