"""Which episode each environment of a batch plays next: a fresh one, drawn ahead if there is time, or a bank's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.params import make_params
from wattward.envs.policy.fields import Observer
from wattward.envs.simulator.bank import Bank
from wattward.envs.simulator.saved_bank import EpisodeBank, scenario_sha256
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.draw import SPLITS, draw, episode_seed
from wattward.envs.world.recording import Recording

N_TRAINING_EPISODES = 2**31
DRAWN_AHEAD = 256
"""At most so many episodes are drawn ahead of their use unless more is asked for."""


class Episode(NamedTuple):
    """An episode in its place in a bank."""

    slot: int
    split: str
    number: int


class Episodes(Protocol):
    """Gives the environments of a batch their episodes."""

    @property
    def bank(self) -> Bank:
        """Where the episodes are."""

    def next(self, b: int, rng: np.random.Generator) -> Episode:
        """The next episode of environment `b`, chosen by `rng`."""

    def named(self, b: int, split: str, number: int) -> Episode:
        """A certain episode, for environment `b`."""

    def forget(self, b: int) -> None:
        """What was chosen ahead for environment `b` no longer counts: its stream of choices is a new one."""

    def prepare(self, rngs: Sequence[np.random.Generator]) -> None:
        """Is called between steps: time to draw ahead; `rngs` are those that `next` will be called with."""


class Fresh:
    """Every episode is drawn for the one environment that plays it.

    Between two steps as many episodes are drawn as keep pace with their use, so that a batch whose episodes all end
    together does not wait for all of them at once. What is played does not depend on it.
    """

    def __init__(
        self,
        scenario: Scenario,
        n_envs: int,
        *,
        split: str,
        recording: Recording | None = None,
        on_arrival: bool = False,
        ahead: int = 0,
    ) -> None:
        """Allocates places for all episodes.

        Args:
            scenario: What episodes are drawn from.
            n_envs: Environments B.
            split: The split `next` draws from.
            recording: Replaces drawn series.
            on_arrival: Whether running all work on arrival is played in each episode, for rewards that need it.
            ahead: Most episodes that may be drawn ahead.
        """
        self._scenario, self._split, self._recording = scenario, split, recording
        dearest = None if recording is None else recording.max_price_per_kwh
        params = make_params(scenario, recorded_max_price_per_kwh=dearest)
        self.bank = Bank(params, n_envs + ahead, Observer(scenario, params))
        self._player = Simulator(params, 1, self.bank) if on_arrival else None
        self._own, self._spare = list(range(n_envs)), list(range(n_envs, n_envs + ahead))
        self._ready: dict[int, Episode] = {}
        self._pace, self._owed, self._turn = ahead / scenario.n_steps, 0.0, 0

    def next(self, b: int, rng: np.random.Generator) -> Episode:
        """The next episode of environment `b`, chosen by `rng`, drawn ahead or now."""
        ready = self._ready.pop(b, None)
        if ready is None:
            return self.named(b, self._split, choose(rng))
        self._spare.append(self._own[b])
        self._own[b] = ready.slot
        return ready

    def named(self, b: int, split: str, number: int) -> Episode:
        """A certain episode, drawn now into the place of environment `b`."""
        return self._draw(self._own[b], split, number)

    def forget(self, b: int) -> None:
        """Drops what was drawn ahead for environment `b`."""
        ready = self._ready.pop(b, None)
        if ready is not None:
            self._spare.append(ready.slot)

    def prepare(self, rngs: Sequence[np.random.Generator]) -> None:
        """Draws ahead what is owed since the last call."""
        self._owed = min(self._owed + self._pace, float(len(self._spare)))
        while self._owed >= 1.0 and len(self._ready) < len(rngs):
            while self._turn % len(rngs) in self._ready:
                self._turn += 1
            b = self._turn % len(rngs)
            self._ready[b] = self._draw(self._spare.pop(), self._split, choose(rngs[b]))
            self._owed -= 1.0

    def _draw(self, slot: int, split: str, number: int) -> Episode:
        self.bank.put(slot, draw(self._scenario, episode_seed(split, number), self._recording))
        if self._player is not None:
            self._player.play_on_arrival(0, slot)
        return Episode(slot, split, number)


class Banked:
    """Every episode is one of a bank, which many environments may share."""

    def __init__(self, bank: EpisodeBank, scenario: Scenario) -> None:
        """Takes a bank of the scenario's episodes.

        Raises:
            ConfigError: they are another scenario's.
        """
        if bank.scenario_sha256 != scenario_sha256(scenario):
            raise ConfigError(f"the bank holds episodes of another scenario than {scenario.name}")
        self.bank: EpisodeBank = bank

    def next(self, b: int, rng: np.random.Generator) -> Episode:  # noqa: ARG002 - one rule for all environments
        """Any episode of the bank, each as likely."""
        return self._at(int(rng.integers(len(self.bank))))

    def named(self, b: int, split: str, number: int) -> Episode:  # noqa: ARG002
        """A certain episode of the bank.

        Raises:
            ValueError: the bank does not hold it.
        """
        if split != self.bank.split or number not in self.bank.slot_of:
            held = f"{len(self.bank)} episodes of the {self.bank.split} split"
            raise ValueError(f"split = {split!r}, episode = {number}: not in the bank, which holds {held}")
        return self._at(self.bank.slot_of[number])

    def forget(self, b: int) -> None:
        """Nothing is chosen ahead."""

    def prepare(self, rngs: Sequence[np.random.Generator]) -> None:
        """Nothing to draw."""

    def _at(self, slot: int) -> Episode:
        return Episode(slot, self.bank.split, int(self.bank.numbers[slot]))


def choose(rng: np.random.Generator) -> int:
    """The number of a random episode."""
    return int(rng.integers(N_TRAINING_EPISODES))


def must_be(value: object, allowed: tuple[object, ...], what: str) -> None:
    """Raises ValueError, naming what is allowed, if `value` is not."""
    if value not in allowed:
        raise ValueError(f"{what} = {value!r}: must be one of {', '.join(map(repr, allowed))}")


def episode_options(options: dict[str, Any] | None, split: str) -> tuple[str, int | None]:
    """Split and number of the episode that options of `reset` ask for; no number where any will do.

    Raises:
        ValueError: an option is unknown or out of range.
    """
    options = options or {}
    if set(options) - {"split", "episode"}:
        raise ValueError(f"options may hold 'split' and 'episode', got {sorted(options)}")
    split, number = options.get("split", split), options.get("episode")
    must_be(split, tuple(SPLITS), "split")
    return split, None if number is None else int(number)
