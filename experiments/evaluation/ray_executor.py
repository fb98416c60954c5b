"""Runs a grid of work on a Ray cluster; imported only if this executor is chosen."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Callable, Generator, Sequence
from functools import cache
from itertools import islice
from typing import Any, Protocol, TypeVar

from wattward.configs.schema.base import ConfigError
from wattward.experiments.common.provenance import code_and_packages

Item = TypeVar("Item")
Result = TypeVar("Result")
RETRIES = 5
"""Number of times that a cell is restarted after its node or process died."""
HEED_S, ANSWER_S = 1.0, 5.0
HOW = "start one with `ray start --head --disable-usage-stats` on this machine, or set RAY_ADDRESS to its HOST:PORT"


class Packed(Protocol):
    """Data that was packed on the driver and can be pickled."""

    def unpack(self) -> None:
        """Makes the data available to this process; further calls have no effect."""
        ...


class Shipment(Protocol):
    """Identifies data to send to nodes; equal shipments are packed only once."""

    def pack(self) -> Packed:
        """Reads the data on the driver."""
        ...


def spread(
    work: Callable[[Item], Result], items: Sequence[Item], needs: Callable[[Item], tuple[Shipment, ...]]
) -> Generator[tuple[int, Result], None, None]:
    """Yields each result with the index of its item, as soon as it is available and in any order.

    If a node dies, its tasks are restarted on another node. Only as many tasks are submitted as keep the cluster busy.

    Args:
        work: Picklable function of one item; every node must have this version of the package.
        items: The items.
        needs: Returns what must be on a node before it processes an item.

    Raises:
        ConfigError: Ray is not installed, no cluster answers, a node has other code or other packages, or a cell
            was lost `RETRIES` times.
    """
    ray = _connected()
    task = ray.remote(num_cpus=1, max_retries=RETRIES, scheduling_strategy="SPREAD")(_on_node)
    sent: dict[Shipment, Any] = {}
    code = ray.put(code_and_packages())
    waiting = iter(enumerate(items))
    flying: dict[Any, int] = {}
    try:
        while True:
            for index, item in islice(waiting, max(0, _window(ray) - len(flying))):
                refs = [_sent(ray, sent, shipment) for shipment in needs(item)]
                flying[task.remote(work, item, code, *refs)] = index
            if not flying:
                return
            done, _ = ray.wait(list(flying), timeout=HEED_S)
            for ref in done:
                yield flying.pop(ref), _got(ray, ref)
    finally:
        for ref in flying:
            ray.cancel(ref, force=True)


def _on_node(work: Callable[[Item], Result], item: Item, code: dict[str, str | None], *packed: Packed) -> Result:
    _check_node(code)
    for thing in packed:
        thing.unpack()
    return work(item)


def _check_node(code: dict[str, str | None]) -> None:
    here = code_and_packages()
    other = [f"{name} {here.get(name)} instead of {code[name]}" for name in code if here.get(name) != code[name]]
    if other:
        raise ConfigError(
            f"--executor ray: node {socket.gethostname()} has {', '.join(other)}; must have what the driver has"
        )


def _sent(ray: Any, sent: dict[Shipment, Any], shipment: Shipment) -> Any:  # noqa: ANN401 - Ray is untyped here
    if shipment not in sent:
        sent[shipment] = ray.put(shipment.pack())
    return sent[shipment]


def _window(ray: Any) -> int:  # noqa: ANN401 - Ray is untyped here
    return max(2, 2 * int(ray.cluster_resources().get("CPU", 0)))


def _got(ray: Any, ref: Any) -> Any:  # noqa: ANN401 - Ray is untyped here
    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ModuleNotFoundError):
            raise ConfigError(f"--executor ray: a node says {error.cause}; must have what the driver has") from None
        raise error.cause from error
    except ray.exceptions.RayError as error:
        told = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"--executor ray: a cell was lost {RETRIES + 1} times ({told}); what is done is kept"
        ) from None


@cache
def _module() -> Any:  # noqa: ANN401 - Ray is untyped here
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray
    except ImportError as error:
        raise ConfigError(f"--executor ray: Ray is not installed ({error}); pip install 'wattward[cluster]'") from None
    return ray


def _connected() -> Any:  # noqa: ANN401 - Ray is untyped here
    ray = _module()
    if ray.is_initialized():
        return ray
    address = os.environ.get("RAY_ADDRESS", "auto")
    _check_answers(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        told = str(error).strip().splitlines()[0]
        raise ConfigError(f"--executor ray: no cluster answers at {address} ({told}): {HOW}") from None
    return ray


def _check_answers(address: str) -> None:
    """Rejects an address without a listening server immediately; Ray itself would try for a minute."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--executor ray: no cluster answers at RAY_ADDRESS {address} ({error}): {HOW}") from None
