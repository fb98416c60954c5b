"""A bank of episodes that is drawn once and then shared by environments, and through files by processes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from tqdm import tqdm

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.layout import HOUR, JOB, ON_ARRIVAL
from wattward.envs.model.params import make_params
from wattward.envs.policy.fields import Observer
from wattward.envs.simulator.bank import ARRAYS, Bank
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.draw import draw, episode_seed
from wattward.envs.world.recording import Recording


class EpisodeBank(Bank):
    """K whole episodes of one split of a scenario, ready to be played any number of times.

    Attributes:
        split: Where the episodes are from.
        numbers: Which they are, shape (K,).
        slot_of: Place of each number.
    """

    def __init__(
        self,
        scenario: Scenario,
        numbers: Sequence[int],
        *,
        split: str = "train",
        recorded_max_price_per_kwh: tuple[float, ...] | None = None,
    ) -> None:
        """Allocates an empty bank; see `drawn` and `loaded`."""
        params = make_params(scenario, recorded_max_price_per_kwh=recorded_max_price_per_kwh)
        self.recorded_max_price_per_kwh = recorded_max_price_per_kwh
        super().__init__(params, len(numbers), Observer(scenario, params))
        self.scenario_sha256 = scenario_sha256(scenario)
        self.split, self.numbers = split, np.asarray(numbers, dtype=np.int64)
        self.slot_of = {int(number): slot for slot, number in enumerate(self.numbers)}

    @classmethod
    def drawn(
        cls,
        scenario: Scenario,
        numbers: Sequence[int],
        *,
        split: str = "train",
        recording: Recording | None = None,
        progress: bool = False,
    ) -> Self:
        """Draws episodes `numbers` of a split, and plays running all work on arrival in each.

        Args:
            scenario: What they are drawn from.
            numbers: Which episodes; at least one.
            split: Of which split.
            recording: Replaces drawn series.
            progress: Show a bar.

        Raises:
            ConfigError: no such split or episode, or no number at all.
        """
        if len(numbers) == 0:
            raise ConfigError("numbers = []: a bank holds at least one episode")
        dearest = None if recording is None else recording.max_price_per_kwh
        bank = cls(scenario, numbers, split=split, recorded_max_price_per_kwh=dearest)
        player = Simulator(bank.params, 1, bank)
        for slot, number in enumerate(tqdm(numbers, desc="drawing episodes", disable=not progress)):
            bank.put(slot, draw(scenario, episode_seed(split, int(number)), recording))
            player.play_on_arrival(0, slot)
        bank.frozen = True
        return bank

    def save(self, folder: str | Path) -> None:
        """Writes the bank into a new folder, whole or not at all.

        Raises:
            ConfigError: the folder exists.
        """
        folder = Path(folder)
        if folder.exists():
            raise ConfigError(f"{folder}: exists; a bank is written into a new folder")
        unfinished = folder.with_name(folder.name + ".tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name in ARRAYS:
            np.save(unfinished / f"{name}.npy", getattr(self, name))
        facts: dict[str, Any] = {"layout": LAYOUT, "scenario_sha256": self.scenario_sha256, "split": self.split}
        facts |= {"numbers": self.numbers.tolist(), "most_arrivals": self.most_arrivals}
        facts["recorded_max_price_per_kwh"] = self.recorded_max_price_per_kwh
        (unfinished / "bank.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
        unfinished.rename(folder)

    @classmethod
    def loaded(cls, folder: str | Path, scenario: Scenario) -> Self:
        """A saved bank, mapped into memory: processes that load one share its pages.

        Raises:
            ConfigError: the folder holds no bank, or one of another scenario or version.
        """
        folder = Path(folder)
        try:
            facts = json.loads((folder / "bank.json").read_text(encoding="utf-8"))
            arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
        except (OSError, ValueError) as error:
            raise ConfigError(f"{folder}: not a readable bank of episodes ({error})") from error
        if facts.get("layout") != LAYOUT:
            raise ConfigError(
                f"{folder}/bank.json: layout = {facts.get('layout')!r}: written by another version; draw it again"
            )
        if facts["scenario_sha256"] != scenario_sha256(scenario):
            raise ConfigError(f"{folder}: holds episodes of another scenario than {scenario.name}")
        bank = cls.__new__(cls)
        dearest = facts.get("recorded_max_price_per_kwh")
        bank.recorded_max_price_per_kwh = None if dearest is None else tuple(dearest)
        params = make_params(scenario, recorded_max_price_per_kwh=bank.recorded_max_price_per_kwh)
        bank._params = params
        bank.observation_space = Observer(scenario, params).space
        bank.__dict__.update(arrays, version=0, frozen=True)
        bank.split, bank.most_arrivals = facts["split"], facts["most_arrivals"]
        bank.scenario_sha256, bank.numbers = facts["scenario_sha256"], np.asarray(facts["numbers"], dtype=np.int64)
        bank.slot_of = {int(number): slot for slot, number in enumerate(bank.numbers)}
        return bank


LAYOUT = hashlib.sha256(repr((HOUR.descr, JOB.descr, ON_ARRIVAL.descr)).encode()).hexdigest()[:16]
"""Changes with the packed form."""


def scenario_sha256(scenario: Scenario) -> str:
    """Hash of a scenario's content."""
    return hashlib.sha256(json.dumps(scenario.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
