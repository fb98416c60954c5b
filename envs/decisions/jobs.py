"""Orders for jobs as actions: every job that may be ordered waits, or runs in one of the regions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.decisions.action import (
    N_MODES,
    ActionInterface,
    Actions,
    Masks,
    Mode,
    batched,
    n_entries,
    wrong_shape,
)
from wattward.envs.kernels.codes import HERE, ORDERS, WAIT
from wattward.envs.kernels.observe_jobs import address_of, encode_jobs
from wattward.envs.kernels.stores import BY_RULE
from wattward.envs.model.job_fields import JOB_FIELDS, job_width
from wattward.envs.model.layout import MOVABLE
from wattward.envs.model.observation import N_CLOCK, N_EXTRA
from wattward.envs.policy.orders import STAY, Orders

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.kernels.fleet import Fleet

ROWS = 64
"""Rows of jobs in an action, if nothing else is chosen."""
Beyond: TypeAlias = Literal["run", "wait"]
"""What jobs do that have no row in an action: run where they are, on GPUs still free, or wait."""


class JobActions(ActionInterface):
    """MultiDiscrete([R + 1] * K + [4] * S): 0 waits and 1 + r runs in region r; then a `StoreOrder` for each store.

    The K rows are the first jobs by (deadline, number) that are neither locked nor in transit. An observation is a
    dictionary: "context" (the clock), "regions" (R, fields), "jobs" (K, F) and "mask" (K, R + 1), see
    docs/observation.md. Python code may also pass `Orders` for all jobs.
    """

    name: ClassVar[str] = "jobs"

    def __init__(self, scenario: Scenario, rows: int = ROWS, beyond: Beyond = "run") -> None:
        """Makes the interface for the environments of a scenario.

        Args:
            scenario: The scenario.
            rows: Number of jobs K in an action and an observation.
            beyond: What jobs without a row do: "run" where they are, or "wait". `info["jobs_beyond"]` counts them.

        Raises:
            ValueError: `rows` or `beyond` is not allowed.
        """
        super().__init__(scenario)
        entries = n_entries(scenario)
        if not isinstance(rows, int) or isinstance(rows, bool) or rows <= entries:
            raise ValueError(f"rows = {rows!r}: must be more than {entries}, the entries of an action of modes")
        if beyond not in ("run", "wait"):
            raise ValueError(f"beyond = {beyond!r}: must be 'run' or 'wait'")
        self._rows, self._choices, self._stores = rows, scenario.n_regions + 1, scenario.n_stores
        self._shape, self._beyond = (rows + scenario.n_stores,), HERE if beyond == "run" else WAIT

    @cached_property
    def space(self) -> spaces.MultiDiscrete:
        """MultiDiscrete([R + 1] * K + [4] * S)."""
        return spaces.MultiDiscrete([self._choices] * self._rows + [N_MODES] * self._stores)

    def recognises(self, answer: object) -> bool:
        """Whether the answer is `Orders`, or an array of integers, one for each row and each store."""
        if isinstance(answer, Orders):
            return True
        array = np.asarray(answer)
        return array.dtype.kind in "iu" and array.shape == self._shape

    def checked(self, action: Any, batch: int | None = None) -> Actions:  # noqa: ANN401 - whatever a caller brings
        """Returns orders of rows and stores, shape (K + S,) or (B, K + S); or the `Orders` themselves.

        Raises:
            ValueError: they are not integers, have a wrong shape, or are out of range.
        """
        if isinstance(action, Orders):
            return action  # type: ignore[return-value]
        array, allowed = np.asarray(action), batched(self._shape, batch)
        if array.dtype.kind not in "iu":
            raise ValueError(f"orders must be integers in 0..{self._choices - 1}, got {array.dtype}")
        if array.shape != allowed:
            raise wrong_shape(str(allowed), array.shape, batch)
        rows = array[..., : self._rows]
        if rows.size and (rows.min() < 0 or rows.max() >= self._choices):
            raise ValueError(f"orders must lie in 0..{self._choices - 1}, got {_out_of_range(rows, self._choices)}")
        return array

    def write(self, actions: Actions, fleet: Fleet) -> int:
        """Writes orders into `Fleet.choices`, and store orders into `Fleet.modes`."""
        if isinstance(actions, Orders):
            return write_orders(actions, fleet)
        choices, used = fleet.choices, min(self._rows, fleet.choices.shape[1])
        choices[:, :used] = actions[..., :used]
        choices[:, used:] = self._beyond
        fleet.env["ranked"], fleet.env["limited"], fleet.env["runs_due"] = 0, 0, 0
        fleet.modes[:, self.scenario.n_regions :] = actions[..., self._rows :]
        return ORDERS

    def modes_alike(self, action: Actions, fleet: Fleet) -> NDArray[np.int64]:
        """PULL where jobs of other regions are to run, else RUN where at least half of the work is, else HOLD.

        The shape is (R,). Work is weighed by its owner's estimate.
        """
        n_regions, movable = self.scenario.n_regions, fleet.picks[0, MOVABLE, : int(fleet.env[0]["n_movable"])]
        jobs = fleet.queue[0][movable]
        region, work_gpu_h = jobs["region"].astype(np.int64), jobs["expected_gpu_h"]
        run_in = self._places(action, fleet, movable, region)
        here = np.bincount(region, np.where(run_in == region, work_gpu_h, 0.0), n_regions)
        whole = np.bincount(region, work_gpu_h, n_regions)
        modes = np.where((here > 0.0) & (here >= 0.5 * whole), Mode.RUN, Mode.HOLD).astype(np.int64)
        modes[run_in[(run_in != STAY) & (run_in != region)]] = Mode.PULL
        return modes

    def _places(
        self, action: Actions, fleet: Fleet, movable: NDArray[Any], region: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Where the movable jobs are to run, `STAY` for those that wait; jobs without a row do what the rest does."""
        if isinstance(action, Orders):
            return _run_in(action, fleet)[movable].astype(np.int64)
        places = region.copy() if self._beyond == HERE else np.full_like(region, STAY)
        rows = min(self._rows, movable.size)
        places[:rows] = action[:rows].astype(np.int64) - 1
        return places

    def masks(self, fleet: Fleet) -> Masks:
        """Which choices each row has, and all orders of stores, shape (B, K (R + 1) + 4 S)."""
        _, mask = self._rows_and_mask(fleet, 0, len(fleet.env))
        stores = np.ones((len(mask), N_MODES * self._stores), np.bool_)
        return np.concatenate([mask.reshape(len(mask), -1).astype(np.bool_), stores], axis=1)

    def observation_space(self, observed: spaces.Box) -> spaces.Dict:
        """A dictionary of "context", "regions", "jobs" and "mask"."""
        low, high = float(observed.low.min()), float(observed.high.max())
        n_regions = self.scenario.n_regions
        regions, width = (n_regions, (observed.shape[0] - N_CLOCK) // n_regions), self._width
        least, most = (min(f.least for f in JOB_FIELDS), max(f.most for f in JOB_FIELDS))
        return spaces.Dict(
            {
                "context": spaces.Box(low, high, (N_CLOCK,), np.float32),
                "regions": spaces.Box(low, high, regions, np.float32),
                "jobs": spaces.Box(least, most, (self._rows, width), np.float32),
                "mask": spaces.MultiBinary((self._rows, self._choices)),
            }
        )

    def observed(self, fleet: Fleet, which: int | slice) -> dict[str, NDArray[Any]]:
        """The observation of environment `which`, or of a slice of environments along the first axis."""
        fields, n_regions = fleet.observations[which], self.scenario.n_regions
        first, last = (which, which + 1) if isinstance(which, int) else which.indices(len(fleet.env))[:2]
        jobs, mask = self._rows_and_mask(fleet, first, last)
        if isinstance(which, int):
            jobs, mask = jobs[0], mask[0]
        return {
            "context": fields[..., :N_CLOCK].copy(),
            "regions": fields[..., N_CLOCK:].reshape(*fields.shape[:-1], n_regions, -1).copy(),
            "jobs": jobs,
            "mask": mask,
        }

    def facts(self, fleet: Fleet) -> dict[str, NDArray[Any]]:
        """Jobs without a row in each environment, shape (B,)."""
        return {"jobs_beyond": np.maximum(0, fleet.env["n_movable"] - self._rows)}

    def agent_space(self, entries: Sequence[int]) -> spaces.MultiDiscrete:
        """MultiDiscrete([2] * K + [4] * own stores): 1 asks for the job of a row."""
        return spaces.MultiDiscrete([2] * self._rows + [N_MODES] * (len(entries) - 1))

    def joined(self, actions: Sequence[Any], entries: Sequence[Sequence[int]]) -> Actions:
        """Orders of all rows and stores, shape (K + S,): a job runs in the first region whose agent asks for it.

        Raises:
            ValueError: an agent's action has a wrong shape or is not made of integers.
        """
        joined = np.zeros(self._shape, np.int64)
        for r in reversed(range(len(actions))):
            array, space = np.asarray(actions[r]), self.agent_space(entries[r])
            if array.shape != space.shape or array.dtype.kind not in "iu":
                raise ValueError(f"action of {self.scenario.regions[r].name!r} must be of {space}, got {actions[r]!r}")
            joined[: self._rows][array[: self._rows] == 1] = r + 1
            stores = [self._rows + entry - self.scenario.n_regions for entry in entries[r][1:]]
            joined[stores] = array[self._rows :]
        return joined

    @cached_property
    def _width(self) -> int:
        return job_width(len(self.scenario.job_classes), self.scenario.n_regions)

    def _rows_and_mask(self, fleet: Fleet, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        rows = np.empty((last - first, self._rows, self._width), np.float32)
        mask = np.zeros((last - first, self._rows, self._choices), np.int8)
        rows.fill(0.0)  # faster than np.zeros, whose pages the kernel would fetch one by one
        mask[:, :, WAIT] = 1
        encode_jobs(fleet.addresses, first, last, self._rows, self._n_extra, address_of(rows), address_of(mask))
        return rows, mask

    @cached_property
    def _n_extra(self) -> int:
        return N_EXTRA if self.scenario.is_extended else 0


def write_orders(orders: Orders, fleet: Fleet) -> int:
    """Writes the orders of a single environment into its arrays.

    Returns:
        The source `ORDERS`.

    Raises:
        ValueError: a column has a wrong length, type or value.
    """
    env, n_regions, n_stores = fleet.env[0], fleet.regions.shape[1], fleet.modes.shape[1] - fleet.regions.shape[1]
    n_jobs, movable = int(env["n_active"]), fleet.picks[0, MOVABLE, : int(env["n_movable"])]
    fleet.choices[0, : movable.size] = _run_in(orders, fleet)[movable] + 1
    told = fleet.wishes[0, : movable.size]
    for name, values in (("limit_gpus", orders.limit_gpus), ("rank", orders.rank)):
        if values is not None:
            told[name] = _column(name, values, n_jobs, "fiu")[movable]
    env["limited"], env["ranked"] = orders.limit_gpus is not None, orders.rank is not None
    env["runs_due"] = bool(orders.run_due)
    by_rule = np.full(n_stores, BY_RULE)
    stores = by_rule if orders.store_orders is None else orders.store_orders
    fleet.modes[0, n_regions:] = _column("store_orders", stores, n_stores, "iu", "stores that actions order")
    return ORDERS


def _run_in(orders: Orders, fleet: Fleet) -> NDArray[Any]:
    """The regions in which jobs are to run, if there is one for each job and all exist; else raises ValueError."""
    n_regions = fleet.regions.shape[1]
    run_in = _column("run_in", orders.run_in, int(fleet.env[0]["n_active"]), "iu")
    if run_in.size and (run_in.min() < STAY or run_in.max() >= n_regions):
        raise ValueError(f"run_in must lie in -1..{n_regions - 1}, got {run_in.tolist()}")
    return run_in


def unknown_orders(fleet: Fleet, b: int) -> ValueError:
    """The error for choices or store orders of environment `b` that do not exist."""
    choices = fleet.choices[b, : int(fleet.env["n_movable"][b])]
    n_regions = fleet.regions.shape[1]
    where = "" if len(fleet.env) == 1 else f" in environment {b}"
    wrong = _out_of_range(choices, n_regions + 1)
    if wrong:
        return ValueError(f"orders must lie in 0..{n_regions}, got {wrong}{where}")
    stores = fleet.modes[b, n_regions:].tolist()
    return ValueError(f"orders of stores must lie in 0..{N_MODES - 1}, got {stores}{where}")


def _out_of_range(choices: NDArray[Any], n_choices: int) -> list[int]:
    """A few of the choices that do not exist."""
    wrong: list[int] = choices[(choices < WAIT) | (choices >= n_choices)][:5].tolist()
    return wrong


def _column(name: str, values: Any, length: int, kinds: str, of: str = "jobs") -> NDArray[Any]:  # noqa: ANN401
    array = np.asarray(values)
    if array.shape != (length,) or (array.size and array.dtype.kind not in kinds):
        numbers = "integers" if kinds == "iu" else "numbers"
        raise ValueError(f"{name} must hold {length} {numbers}, one for each of the {of}; got {_told(array)}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{name} must not hold NaN")
    return array


def _told(array: NDArray[Any]) -> str:
    return f"shape {array.shape} of {array.dtype}"
