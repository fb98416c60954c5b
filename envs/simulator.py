"""A batch of environments over the kernels: arrays allocated once, episodes loaded row by row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs import kernels
from wattward.envs.action import Mode, offers_of_modes
from wattward.envs.types import Exogenous, Floats, Flows, Offers, OnArrival, Params, State, Tally

JOB_FIELDS = tuple(name for name in Exogenous._fields if name.startswith("job_"))
EMPTY_JOB = 1.0
"""Fills unused places of the job table; a neutral value that no kernel reads."""


class Snapshot(NamedTuple):
    """All that a step changes, copied; restoring it replays the same future."""

    state: State
    flows: Flows
    tally: Tally


class Simulator:
    """Steps B environments at once.

    Attributes:
        params: Params, B rows.
        world: Exogenous, B rows, filled by `load`.
        state: State, B rows.
        flows: Flows of the last step, B rows.
        tally: What the episodes have come to so far, B rows.
    """

    def __init__(self, params: Params, n_drawn: int) -> None:
        """Allocates everything but the job tables, which grow with the longest episode seen.

        Args:
            params: Params of every environment.
            n_drawn: Steps N in each Exogenous.
        """
        self.params = params
        self.n_envs, self.n_regions = params.fleet_gpus.shape
        self.world = _empty_world(self.n_envs, n_drawn, self.n_regions)
        self.state = _empty_state(self.n_envs, self.n_regions)
        self.flows = self._zero_flows()
        regional = np.zeros((self.n_envs, self.n_regions))
        self.tally = Tally(total=self._zero_flows(), in_band_steps=regional, cost_yuan=np.zeros(self.n_envs))
        self._grow(64)

    def load(self, b: int, world: Exogenous) -> None:
        """Puts one realisation (B = 1) into environment `b` and starts its episode."""
        if world.job_gpus.shape[1] > self.world.job_gpus.shape[1]:
            self._grow(int(world.job_gpus.shape[1] * 1.25))
        for name, target, source in zip(Exogenous._fields, self.world, world, strict=True):
            if name in JOB_FIELDS:
                target[b, : source.shape[1]] = source[0]
            else:
                target[b] = source[0]
        kernels.reset_one(self.state, self.world, b)
        for field in (*self.flows, *_arrays(self.tally)):
            field[b] = 0.0

    def step(self, offers: Offers) -> Flows:
        """Advances every environment by one step; the returned Flows are overwritten by the next."""
        kernels.step_batch(self.params, self.state, self.world, offers, self.flows, self.tally)
        return self.flows

    def run_on_arrival(self, b: int, on_arrival: OnArrival) -> None:
        """Writes what all work running on arrival does in environment `b`'s episode; the episode starts anew.

        Args:
            b: The environment.
            on_arrival: Written in row `b`, arrays of shape (B, at least n_steps).
        """
        run = np.full((self.n_envs, self.n_regions), Mode.RUN)
        kernels.run_on_arrival(self.params, self.state, self.world, offers_of_modes(run), self.flows, b, on_arrival)

    def save(self) -> Snapshot:
        """A copy of all that steps change."""
        total = Flows(*(a.copy() for a in self.tally.total))
        tally = Tally(total, self.tally.in_band_steps.copy(), self.tally.cost_yuan.copy())
        return Snapshot(State._make(a.copy() for a in self.state), Flows(*(a.copy() for a in self.flows)), tally)

    def restore(self, snapshot: Snapshot) -> None:
        """Returns to a snapshot of the same episodes."""
        mine = (*self.state, *self.flows, *_arrays(self.tally))
        saved = (*snapshot.state, *snapshot.flows, *_arrays(snapshot.tally))
        for target, source in zip(mine, saved, strict=True):
            target[...] = source

    def _zero_flows(self) -> Flows:
        return Flows(*(np.zeros((self.n_envs, self.n_regions)) for _ in Flows._fields))

    def _grow(self, n_jobs: int) -> None:
        self.world = self.world._replace(**{name: _widen(getattr(self.world, name), n_jobs) for name in JOB_FIELDS})
        wide = {name: _widen(a, n_jobs) for name, a in self.state._asdict().items() if name in _JOB_STATE}
        self.state = self.state._replace(**wide)


def _arrays(tally: Tally) -> tuple[Floats, ...]:
    return (*tally.total, tally.in_band_steps, tally.cost_yuan)


_JOB_STATE = ("active", *(name for name in State._fields if name.startswith("job_")))
_INTEGER = {"start_minute", "n_jobs", "job_arrival_step", "job_deadline_step", "job_origin", "job_class"}
_INTEGER_STATE = {"step", "next_job", "n_active", "active", "job_status", "job_region", "job_ready_step"}


def _widen(old: NDArray[Any], n_jobs: int) -> NDArray[Any]:
    new = np.full((old.shape[0], n_jobs), EMPTY_JOB, dtype=old.dtype)
    new[:, : old.shape[1]] = old
    return new


def _empty_world(b: int, n: int, r: int) -> Exogenous:
    shapes = {"start_minute": (b,), "n_jobs": (b,), "usual": (b, 4, n, r), "noise": (b, 4, n, r)}
    shapes |= dict.fromkeys(JOB_FIELDS, (b, 0))
    kinds = {name: np.int64 if name in _INTEGER else np.float64 for name in Exogenous._fields}
    return Exogenous._make(np.zeros(shapes.get(name, (b, n, r)), kinds[name]) for name in Exogenous._fields)


def _empty_state(b: int, r: int) -> State:
    shapes = {"step": (b,), "next_job": (b,), "n_active": (b,)} | dict.fromkeys(_JOB_STATE, (b, 0))
    kinds: dict[str, type[np.generic]] = dict.fromkeys(_INTEGER_STATE, np.int64) | {"job_paused": np.bool_}
    return State._make(np.zeros(shapes.get(name, (b, r)), kinds.get(name, np.float64)) for name in State._fields)
