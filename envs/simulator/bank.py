"""Banks of episodes that are ready to be played: packed worlds, and the part of observations that depends on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.kernels.hours import fill_hours
from wattward.envs.model.layout import (
    HOUR,
    JOB,
    ON_ARRIVAL,
    Rows,
    pack_jobs,
    pack_params,
    series_of,
)
from wattward.envs.model.observation import HIGH, LOW, N_CLOCK, N_NOW, N_WORLD
from wattward.envs.model.types import Exogenous, Floats, Ints, Params, Signals

if TYPE_CHECKING:
    from wattward.envs.world.draw import Drawing

ARRAYS = ("n_jobs", "hours", "jobs", "ahead", "on_arrival")
ROOM = 1.1
"""Job tables are longer than the longest episode seen by this factor."""


class Encoder(Protocol):
    """What a bank needs of an `Observer`: the size of observations, and their part that depends on the world alone."""

    @property
    def size(self) -> int:
        """How many numbers a single observation has."""
        ...

    @property
    def n_world(self) -> int:
        """How many numbers of an observation depend on the world alone."""
        ...

    def look_ahead(
        self,
        scenario: Rows,
        sites: Rows,
        start_minute: int,
        series: Floats,
        signals: Signals,
        out: NDArray[np.float32],
    ) -> None:
        """Writes the part of observations that depends on the world, for each step, shape (T, n_world)."""
        ...


class Episode(NamedTuple):
    """An episode and its place in a bank."""

    slot: int
    split: str
    number: int


class Bank:
    """K places for episodes; any number of environments may play the same one.

    Attributes:
        n_jobs: Jobs of each episode, shape (K,).
        hours: Rows of HOUR, shape (K, T, R), T = steps in an episode + 1.
        jobs: Rows of JOB, shape (K, J).
        ahead: The part of observations that depends on the world alone, shape (K, T, W); zeros without an observer.
        observation_space: The Box of an observation.
        on_arrival: Rows of ON_ARRIVAL, shape (K, T): the result of running all work on arrival; filled by a Simulator.
        most_arrivals: The most jobs that arrive in one step.
        version: Increases when arrays are replaced or `most_arrivals` rises.
        frozen: Whether episodes can no longer be added.
    """

    def __init__(self, params: Params, n_slots: int, observer: Encoder | None = None) -> None:
        """Allocates everything except the job tables, which grow with the longest episode seen.

        Args:
            params: Params of one environment, or of each.
            n_slots: Number of places K.
            observer: Encodes the part of observations that depends on the world; None if nothing is observed.
        """
        self._take_params(params)
        self._observer = observer
        n_rows, n_regions = int(params.n_steps.max()) + 1, params.fleet_gpus.shape[1]
        self.n_jobs: Ints = np.zeros(n_slots, np.int64)
        self.hours: Rows = np.zeros((n_slots, n_rows, n_regions), HOUR)
        self.jobs: Rows = np.zeros((n_slots, 1), JOB)
        width = observer.n_world if observer else N_CLOCK + n_regions * N_WORLD
        size = observer.size if observer else width + n_regions * (N_NOW - N_WORLD)
        self.observation_space = spaces.Box(LOW, HIGH, (size,), np.float32)
        self.ahead: NDArray[np.float32] = np.zeros((n_slots, n_rows, width), np.float32)
        self.on_arrival: Rows = np.zeros((n_slots, n_rows), ON_ARRIVAL)
        self.most_arrivals, self.version, self.frozen = 0, 0, False

    def _take_params(self, params: Params) -> None:
        self._params = params
        self._scenarios, self._sites = pack_params(params)[:2]

    @property
    def params(self) -> Params:
        """Params of an environment that plays the episodes."""
        return self._params

    def __len__(self) -> int:
        return self.n_jobs.size

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if self.frozen:
            return self
        twin = type(self)(self._params, len(self), self._observer)
        for name in ARRAYS:
            setattr(twin, name, getattr(self, name).copy())
        twin.most_arrivals, twin.version = self.most_arrivals, self.version
        return twin

    def put(self, slot: int, world: Exogenous) -> None:
        """Packs one realisation (B = 1) into a place.

        Raises:
            ValueError: the bank is frozen.
        """
        self.put_rows(slot, int(world.start_minute[0]), series_of(world), world.signals, pack_jobs(world))

    def draw_into(self, slot: int, drawing: Drawing, seed: np.random.SeedSequence) -> None:
        """Draws the episode of a seed into a place; raises ValueError if the bank is frozen."""
        self.put_jobs(slot, self.draw_hours_into(slot, drawing, seed))

    def draw_hours_into(self, slot: int, drawing: Drawing, seed: np.random.SeedSequence) -> Rows:
        """Draws the episode of a seed, and puts all of it but the jobs into a place.

        Another thread may do this while the environments are stepped, because it touches nothing beyond the place.

        Returns:
            Its rows of JOB for `put_jobs`, shape (J,); the next draw may overwrite them.

        Raises:
            ValueError: the bank is frozen.
        """
        n_jobs = drawing.draw(seed)
        self._put_hours(slot, drawing.start_minute, drawing.series, drawing.signals)
        return drawing.jobs[:n_jobs]

    def put_rows(self, slot: int, start_minute: int, series: Floats, signals: Signals, jobs: Rows) -> None:
        """Packs one realisation into a place.

        Args:
            slot: The place.
            start_minute: Start of the episode.
            series: Series of the world, shape (N_SERIES, R, N).
            signals: What forecasts are made of (B = 1).
            jobs: Rows of JOB by (arrival, deadline, number), shape (J,).

        Raises:
            ValueError: the bank is frozen.
        """
        self._put_hours(slot, start_minute, series, signals)
        self.put_jobs(slot, jobs)

    def put_jobs(self, slot: int, jobs: Rows) -> None:
        """Puts the jobs of an episode into a place: rows of JOB by (arrival, deadline, number), shape (J,)."""
        if jobs.size > self.jobs.shape[1]:
            self._grow(int(jobs.size * ROOM))
        self._expect(jobs)
        self.n_jobs[slot] = jobs.size
        self.jobs[slot, : jobs.size] = jobs

    def _put_hours(self, slot: int, start_minute: int, series: Floats, signals: Signals) -> None:
        if self.frozen:
            raise ValueError("a bank that is shared cannot be changed")
        row = min(slot, self._scenarios.size - 1)
        scenario, sites = self._scenarios[row : row + 1], self._sites[row]
        fill_hours(sites, series, self.hours[slot])
        if self._observer is not None:
            self._observer.look_ahead(scenario, sites, start_minute, series, signals, self.ahead[slot])

    def _expect(self, jobs: Rows) -> None:
        most = int(np.bincount(jobs["arrival_step"]).max()) if jobs.size else 0
        if most > self.most_arrivals:
            self.most_arrivals = most
            self.version += 1

    def _grow(self, n_jobs: int) -> None:
        longer = np.zeros((len(self), n_jobs), JOB)
        for slot, used in enumerate(self.n_jobs):
            longer[slot, :used] = self.jobs[slot, :used]
        self.jobs = longer
        self.version += 1
