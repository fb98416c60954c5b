"""Chooses episodes of a bank, and checks what callers ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.configs.digests import sha256_of_json
from wattward.configs.schema.base import ConfigError
from wattward.envs.kernels.codes import REWARD_KINDS
from wattward.envs.simulator.bank import Episode
from wattward.envs.world.splits import SPLITS

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.simulator.source import EpisodeBank


class Banked:
    """Chooses every episode from a bank, which many environments may share."""

    def __init__(self, bank: EpisodeBank, scenario: Scenario) -> None:
        """Takes a bank with episodes of the scenario.

        Raises:
            ConfigError: the episodes are of another scenario.
        """
        if bank.scenario_sha256 != scenario_sha256(scenario):
            raise ConfigError(f"the bank holds episodes of another scenario than {scenario.name}")
        self.bank: EpisodeBank = bank

    def next(self, b: int, rng: np.random.Generator) -> Episode:  # noqa: ARG002 - one rule for all environments
        """Chooses an episode of the bank, each with the same probability."""
        return self._at(int(rng.integers(len(self.bank))))

    def named(self, b: int, split: str, number: int) -> Episode:  # noqa: ARG002
        """Returns the named episode of the bank.

        Raises:
            ValueError: the bank does not hold it.
        """
        if split != self.bank.split or number not in self.bank.slot_of:
            held = f"{len(self.bank)} episodes of the {self.bank.split} split"
            raise ValueError(f"split = {split!r}, episode = {number}: not in the bank, which holds {held}")
        return self._at(self.bank.slot_of[number])

    def forget(self, b: int) -> None:
        """Does nothing: no episode is chosen ahead."""

    def prepare(self, rngs: Sequence[np.random.Generator]) -> None:
        """Does nothing: there is nothing to draw."""

    def _at(self, slot: int) -> Episode:
        return Episode(slot, self.bank.split, int(self.bank.numbers[slot]))


def scenario_sha256(scenario: Scenario) -> str:
    """Hash of a scenario's content."""
    return sha256_of_json(scenario.model_dump(mode="json"))


def must_be(value: object, allowed: tuple[object, ...], what: str) -> None:
    """Raises ValueError if `value` is not allowed; the message lists what is."""
    if value not in allowed:
        raise ValueError(f"{what} = {value!r}: must be one of {', '.join(map(repr, allowed))}")


def episode_options(options: dict[str, Any] | None, split: str) -> tuple[str, int | None]:
    """Split and number of the episode that the options of `reset` name; the number is None if they name none.

    Raises:
        ValueError: an option is unknown or out of range.
    """
    options = options or {}
    if set(options) - {"split", "episode"}:
        raise ValueError(f"options may hold 'split' and 'episode', got {sorted(options)}")
    split, number = options.get("split", split), options.get("episode")
    must_be(split, tuple(SPLITS), "split")
    return split, None if number is None else int(number)


def check_choices(split: str, reward: str) -> None:
    """Raises ValueError if the split or the reward is unknown; the message lists what is allowed."""
    must_be(split, tuple(SPLITS), "split")
    must_be(reward, REWARD_KINDS, "reward")


def check_counts(num_envs: int, threads: int, draw_ahead: int | None) -> None:
    """Raises ValueError if a count is out of range; the message says what is allowed."""
    if num_envs < 1:
        raise ValueError(f"num_envs = {num_envs}: must be at least 1")
    if not 1 <= threads <= most_threads():
        raise ValueError(f"threads = {threads}: must lie in 1..{most_threads()} here (NUMBA_NUM_THREADS)")
    if draw_ahead is not None and draw_ahead < 0:
        raise ValueError(f"draw_ahead = {draw_ahead}: must be 0 or more")


def most_threads() -> int:
    """The most threads that may share a step."""
    from numba import config

    return int(vars(config)["NUMBA_NUM_THREADS"])
