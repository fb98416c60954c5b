"""A batch of environments over the kernels; the arrays are allocated once and addressed by one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wattward.envs.decisions.jobs import unknown_orders
from wattward.envs.decisions.modes import unknown_modes
from wattward.envs.decisions.shares import write_offers
from wattward.envs.kernels.codes import (
    MODES,
    N_CODES,
    NO_ERROR,
    QUEUE_FULL,
    REWARD_KINDS,
    UNKNOWN_MODE,
    UNKNOWN_ORDER,
    RewardKind,
)
from wattward.envs.kernels.entries import ENTRIES
from wattward.envs.kernels.fleet import COST, N_OUTCOMES, Fleet, linked
from wattward.envs.model.layout import (
    ENV,
    FLOW,
    N_PICKS,
    N_TALLIED,
    QUEUED,
    REGION,
    STORED,
    WISH,
    Rows,
    flows_of,
    pack_params,
    state_of,
    tally_of,
)
from wattward.envs.simulator.bank import ARRAYS, Bank

if TYPE_CHECKING:
    from wattward.envs.model.types import Exogenous, Floats, Flows, Offers, Params, State, Tally

PLACES = 64
"""Places in a queue at first; queues grow as they fill."""


class Snapshot(NamedTuple):
    """A copy of everything that a step changes; after it is restored, the same future follows."""

    env: Rows
    regions: Rows
    stored: Rows
    queue: Rows
    flow_rows: Rows
    tally_rows: Floats
    outcome: Floats

    @property
    def state(self) -> State:
        """The state at the time of the snapshot."""
        return state_of(self.env, self.regions, self.stored, self.queue)

    @property
    def flows(self) -> Flows:
        """The flows at the time of the snapshot."""
        return flows_of(self.flow_rows)

    @property
    def tally(self) -> Tally:
        """The tally at the time of the snapshot."""
        return tally_of(self.tally_rows, self.outcome[:, COST])


class Simulator:
    """Steps B environments at once.

    Attributes:
        params: Params, with one row for all environments or B rows.
        bank: The episodes that are played.
        fleet: All arrays. Actions are written to `modes`; a step fills `observations`, `outcome` and `ended`.
        state: Views of the state, B rows.
        flows: Views of the last step's flows, B rows.
        tally: Views of the sums over the episodes so far, B rows.
    """

    def __init__(
        self,
        params: Params,
        n_envs: int | None = None,
        bank: Bank | None = None,
        *,
        reward: RewardKind = "cost",
        threads: int = 1,
    ) -> None:
        """Allocates the batch.

        Args:
            params: Params with one row for all environments, or one row for each.
            n_envs: Number of environments B; by default the number of rows of `params`.
            bank: The episodes; by default a bank with one place for each environment, which `load` fills.
            reward: The kind of reward, see `wattward.envs.kernels.codes`.
            threads: Threads that share the work of a step.
        """
        self.params, self.n_regions = params, params.fleet_gpus.shape[1]
        self.n_envs = n_envs or params.n_steps.size
        self.bank = Bank(params, self.n_envs) if bank is None else bank
        self._reward, self._threads = REWARD_KINDS.index(reward), threads
        shape = (self.n_envs, self.n_regions)
        self._link(
            Fleet(
                *pack_params(params),
                env=np.zeros(self.n_envs, ENV),
                regions=np.zeros(shape, REGION),
                stored=np.zeros((*shape, params.store_entry.shape[2]), STORED),
                flows=np.zeros(shape, FLOW),
                tally=np.zeros((*shape, N_TALLIED)),
                class_gpu_h=np.zeros((*shape, params.class_malleable.shape[1])),
                queue=np.zeros((self.n_envs, PLACES), QUEUED),
                order=np.zeros(shape, np.int64),
                picks=np.zeros((self.n_envs, N_PICKS, PLACES), np.int32),
                choices=np.zeros((self.n_envs, PLACES), np.int16),
                wishes=np.zeros((self.n_envs, PLACES), WISH),
                modes=np.zeros((self.n_envs, action_length(params)), np.int64),
                observations=np.zeros((self.n_envs, *self.bank.observation_space.shape), np.float32),
                outcome=np.zeros((self.n_envs, N_OUTCOMES)),
                ended=np.zeros(self.n_envs, np.bool_),
                addresses=np.zeros(0, np.int64),
                **_episodes(self.bank),
            )
        )

    @property
    def class_gpu_h(self) -> Floats:
        """Work done by job class in the last step, shape (B, R, C) [GPU-h]; sums over C to `flows.done_gpu_h`."""
        return self.fleet.class_gpu_h

    def take_params(self, b: int, params: Params) -> None:
        """Sets the parameters of environment `b` to `params` (B = 1); it must begin an episode afterwards.

        Raises:
            ValueError: all environments of the batch share one row of parameters.
        """
        if self.params.n_steps.size != self.n_envs:
            raise ValueError(f"{self.n_envs} environments share {self.params.n_steps.size} row of parameters")
        for rows, row in zip((*self.params, *self.fleet[:4]), (*params, *pack_params(params)), strict=True):
            rows[b] = row[0]

    def load(self, b: int, world: Exogenous) -> None:
        """Puts one realisation of the world (B = 1) into place `b` of the bank and starts it in environment `b`."""
        self.bank.put(b, world)
        self.begin(b, b)

    def begin(self, b: int, slot: int) -> None:
        """Starts episode `slot` of the bank in environment `b`."""
        self._follow_bank()
        ENTRIES.begin(self.fleet.addresses, b, slot)

    def play_on_arrival(self, b: int, slot: int) -> None:
        """Plays episode `slot` with all work run on arrival, and writes the result into the bank.

        Environment `b` is used for this and must begin an episode afterwards.
        """
        self._follow_bank()
        while ENTRIES.play_on_arrival(self.fleet.addresses, b, slot) == QUEUE_FULL:
            self.lengthen_queues()

    def advance(self, hold: int = 1, source: int = MODES) -> None:
        """Steps each environment that is not asleep `hold` times or to its episode's end; observes all environments.

        Args:
            hold: Steps under this decision.
            source: Where the decision was written, see `wattward.envs.kernels.codes`; by default `fleet.modes`.

        Raises:
            ValueError: a number is not a mode, or an episode is over. Nothing has changed then.
        """
        if self._version != self.bank.version:
            self._follow_bank()
        answer = self._run(source, hold)
        if answer != NO_ERROR:
            raise self._refusal(answer)

    def step(self, offers: Offers) -> Flows:
        """Advances every environment by one step; the next step overwrites the returned views.

        Raises:
            ValueError: an episode is over.
        """
        self.advance(source=write_offers(offers, self.fleet))
        return self.flows

    def observe(self, b: int) -> None:
        """Writes the observation of environment `b` again, after its state was restored."""
        self._follow_bank()
        ENTRIES.observe_one(self.fleet.addresses, b)

    def save(self) -> Snapshot:
        """Returns a copy of everything that steps change."""
        return Snapshot(*(array.copy() for array in self._changing()))

    def restore(self, snapshot: Snapshot) -> None:
        """Returns to a snapshot of the same episodes."""
        if snapshot.queue.shape[1] > self.fleet.queue.shape[1]:
            self._link(_with_places(self.fleet, snapshot.queue.shape[1]))
        for target, source in zip(self._changing(), snapshot, strict=True):
            if target.dtype == QUEUED:
                target[:, : source.shape[1]] = source
            else:
                target[...] = source
        for b in range(self.n_envs):
            self.observe(b)

    def __getstate__(self) -> dict[str, Any]:
        views = ("state", "flows", "tally")
        return {name: value for name, value in self.__dict__.items() if name not in views}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._link(self.fleet._replace(**_episodes(self.bank)))

    def _changing(self) -> tuple[Rows, ...]:
        fleet = self.fleet
        return fleet.env, fleet.regions, fleet.stored, fleet.queue, fleet.flows, fleet.tally, fleet.outcome

    def _follow_bank(self) -> None:
        if self._version != self.bank.version:
            self._link(self.fleet._replace(**_episodes(self.bank)))

    def _run(self, source: int, hold: int) -> int:
        while True:
            if self._threads > 1:
                answer = ENTRIES.advance_threaded(self.fleet.addresses, source, self._reward, hold, self._threads)
            else:
                answer = ENTRIES.advance(self.fleet.addresses, source, self._reward, hold)
            if answer % N_CODES != QUEUE_FULL:
                return answer
            self.lengthen_queues(hold)

    def _refusal(self, answer: int) -> ValueError:
        b, code = divmod(answer, N_CODES)
        alone = self.n_envs == 1
        if code == UNKNOWN_ORDER:
            return unknown_orders(self.fleet, b)
        if code == UNKNOWN_MODE:
            return unknown_modes(self.fleet.modes[b], "" if alone else f" in environment {b}")
        return ValueError(f"the episode {'' if alone else f'of environment {b} '}is over; call reset()")

    def lengthen_queues(self, hold: int = 1) -> None:
        """Gives every queue more places, at least for the arrivals of `hold` steps."""
        places = 2 * self.fleet.queue.shape[1] + hold * self.bank.most_arrivals
        self._link(_with_places(self.fleet, places))

    def _link(self, fleet: Fleet) -> None:
        """Uses these arrays from now on: enlarges the queue for the most arrivals, and makes views and addresses."""
        if fleet.queue.shape[1] < self.bank.most_arrivals:
            fleet = _with_places(fleet, 2 * self.bank.most_arrivals)
        self.fleet, self._version = linked(fleet, self.bank.most_arrivals), self.bank.version
        self.state = state_of(fleet.env, fleet.regions, fleet.stored, fleet.queue)
        self.flows = flows_of(fleet.flows)
        self.tally = tally_of(fleet.tally, fleet.outcome[:, COST])


def action_length(params: Params) -> int:
    """Length of an action: a mode for each region, then an order for each store that actions order."""
    return max(params.fleet_gpus.shape[1], int(params.store_entry.max(initial=-1)) + 1)


def _episodes(bank: Bank) -> dict[str, Any]:
    return {name: getattr(bank, name) for name in ARRAYS}


def _with_places(fleet: Fleet, places: int) -> Fleet:
    used = int(fleet.env["n_active"].max())
    longer = {name: _widened(getattr(fleet, name), used, places) for name in ("queue", "picks", "choices", "wishes")}
    return fleet._replace(**longer)


def _widened(rows: Rows, used: int, places: int) -> Rows:
    longer = np.zeros((*rows.shape[:-1], places), rows.dtype)
    longer[..., :used] = rows[..., :used]
    return longer
