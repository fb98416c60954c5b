"""Chooses the next episode of each environment of a batch: a fresh one, perhaps drawn ahead, or one of a bank."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np
from tqdm import tqdm

from wattward.configs.digests import sha256_of_bytes
from wattward.configs.files import replacing_folder
from wattward.configs.schema.base import ConfigError
from wattward.envs.kernels.codes import RewardKind
from wattward.envs.model.layout import HOUR, JOB, ON_ARRIVAL, Rows
from wattward.envs.model.params import make_params
from wattward.envs.policy.observer import Observer
from wattward.envs.simulator.bank import ARRAYS, Bank, Episode
from wattward.envs.simulator.choices import Banked, scenario_sha256
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.draw import Drawing
from wattward.envs.world.recording import Recording, load_recording
from wattward.envs.world.splits import choose, episode_seed

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario

DRAWN_AHEAD = 256
"""The most episodes that are drawn ahead of their use by default."""


class Episodes(Protocol):
    """Gives the environments of a batch their episodes."""

    @property
    def bank(self) -> Bank:
        """The bank that holds the episodes."""

    def next(self, b: int, rng: np.random.Generator) -> Episode:
        """The next episode of environment `b`, chosen by `rng`."""

    def named(self, b: int, split: str, number: int) -> Episode:
        """The named episode, for environment `b`."""

    def forget(self, b: int) -> None:
        """Drops what was chosen ahead for environment `b`, because its random stream is a new one."""

    def prepare(self, rngs: Sequence[np.random.Generator]) -> None:
        """Draws episodes ahead; is called between steps. `rngs` are the generators that `next` will be called with."""


class Ahead(NamedTuple):
    """An episode that is drawn ahead, and its jobs once they are drawn; None if it is in its place already."""

    episode: Episode
    jobs: Future[Rows] | None
    process: int = 0


_DRAWERS: dict[int, ThreadPoolExecutor] = {}
"""The thread that draws ahead, by process: a forked process has none of its parent's threads."""


def the_drawer() -> ThreadPoolExecutor | None:
    """This process's thread for draws ahead; None where there is one processor only."""
    if len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)) < 2:
        return None
    if os.getpid() not in _DRAWERS:
        _DRAWERS.clear()
        _DRAWERS[os.getpid()] = ThreadPoolExecutor(1, thread_name_prefix="wattward-draw")
    return _DRAWERS[os.getpid()]


class Fresh:
    """Draws every episode for the one environment that plays it.

    Between two steps, as many episodes are begun to be drawn as are used on average, on a thread of its own where there
    is more than one processor. So a batch in which all episodes end together does not wait for all draws at once. Which
    episodes are played does not depend on this.
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
            scenario: The scenario of the episodes.
            n_envs: Number of environments B.
            split: The split from which `next` draws.
            recording: Its series replace the drawn ones.
            on_arrival: Whether each episode is also played with all work run on arrival, for rewards that need it.
            ahead: The most episodes that may be drawn ahead.
        """
        self._split, self._drawing = split, Drawing(scenario, recording)
        self._drawing_ahead = Drawing(scenario, recording)  # for the other thread
        dearest = None if recording is None else recording.max_price_per_kwh
        params = make_params(scenario, recorded_max_price_per_kwh=dearest)
        self.bank = Bank(params, n_envs + ahead, Observer(scenario))
        self._player = Simulator(params, 1, self.bank) if on_arrival else None
        self._own, self._spare = list(range(n_envs)), list(range(n_envs, n_envs + ahead))
        self._ready: dict[int, Ahead] = {}
        self._pace, self._owed, self._turn = ahead / scenario.n_steps, 0.0, 0

    def next(self, b: int, rng: np.random.Generator) -> Episode:
        """The next episode of environment `b`, chosen by `rng`; it was drawn ahead or is drawn now."""
        ready = self._ready.pop(b, None)
        if ready is None:
            return self.named(b, self._split, choose(rng))
        self._spare.append(self._own[b])
        self._own[b] = ready.episode.slot
        return self._collected(ready)

    def named(self, b: int, split: str, number: int) -> Episode:
        """The named episode, drawn now into the place of environment `b`."""
        return self._draw(Episode(self._own[b], split, number))

    def forget(self, b: int) -> None:
        """Drops what was drawn ahead for environment `b`."""
        ready = self._ready.pop(b, None)
        if ready is not None:
            self._collected(ready)
            self._spare.append(ready.episode.slot)

    def prepare(self, rngs: Sequence[np.random.Generator]) -> None:
        """Begins to draw ahead as many episodes as became due since the last call."""
        self._owed = min(self._owed + self._pace, float(len(self._spare)))
        while self._owed >= 1.0 and len(self._ready) < len(rngs):
            while self._turn % len(rngs) in self._ready:
                self._turn += 1
            b = self._turn % len(rngs)
            self._ready[b] = self._begun(Episode(self._spare.pop(), self._split, choose(rngs[b])))
            self._owed -= 1.0

    def __getstate__(self) -> dict[str, Any]:
        self._ready = {b: Ahead(self._collected(ready), None) for b, ready in self._ready.items()}
        return self.__dict__

    def _begun(self, episode: Episode) -> Ahead:
        drawer = the_drawer()
        if drawer is None:
            return Ahead(self._draw(episode), None)
        return Ahead(episode, drawer.submit(self._draw_ahead, episode), os.getpid())

    def _draw_ahead(self, episode: Episode) -> Rows:
        seed = episode_seed(episode.split, episode.number)
        return self.bank.draw_hours_into(episode.slot, self._drawing_ahead, seed).copy()

    def _collected(self, ready: Ahead) -> Episode:
        """The episode, once it is drawn. A draw that was begun before this process was forked is done again."""
        if ready.jobs is None:
            return ready.episode
        if ready.process != os.getpid():
            return self._draw(ready.episode)
        self.bank.put_jobs(ready.episode.slot, ready.jobs.result())
        return self._played(ready.episode)

    def _draw(self, episode: Episode) -> Episode:
        self.bank.draw_into(episode.slot, self._drawing, episode_seed(episode.split, episode.number))
        return self._played(episode)

    def _played(self, episode: Episode) -> Episode:
        if self._player is not None:
            self._player.play_on_arrival(0, episode.slot)
        return episode


class EpisodeBank(Bank):
    """K whole episodes of one split of a scenario, ready to be played any number of times.

    Attributes:
        split: The split of the episodes.
        numbers: Numbers of the episodes in the split, shape (K,).
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
        super().__init__(params, len(numbers), Observer(scenario))
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
        """Draws episodes `numbers` of a split, and plays each with all work run on arrival.

        Args:
            scenario: The scenario of the episodes.
            numbers: Numbers of the episodes; at least one.
            split: The split of the episodes.
            recording: Its series replace the drawn ones.
            progress: Whether to show a progress bar.

        Raises:
            ConfigError: there is no such split or episode, or `numbers` is empty.
        """
        if len(numbers) == 0:
            raise ConfigError("numbers = []: a bank holds at least one episode")
        dearest = None if recording is None else recording.max_price_per_kwh
        bank = cls(scenario, numbers, split=split, recorded_max_price_per_kwh=dearest)
        player, drawing = Simulator(bank.params, 1, bank), Drawing(scenario, recording)
        for slot, number in enumerate(tqdm(numbers, desc="drawing episodes", disable=not progress)):
            bank.draw_into(slot, drawing, episode_seed(split, int(number)))
            player.play_on_arrival(0, slot)
        bank.frozen = True
        return bank

    def save(self, folder: str | Path) -> None:
        """Writes the bank into a new folder, completely or not at all.

        Raises:
            ConfigError: the folder exists.
        """
        folder = Path(folder)
        if folder.exists():
            raise ConfigError(f"{folder}: exists; a bank is written into a new folder")
        facts: dict[str, Any] = {"layout": LAYOUT, "scenario_sha256": self.scenario_sha256, "split": self.split}
        facts |= {"numbers": self.numbers.tolist(), "most_arrivals": self.most_arrivals}
        facts["recorded_max_price_per_kwh"] = self.recorded_max_price_per_kwh
        with replacing_folder(folder) as unfinished:
            for name in ARRAYS:
                np.save(unfinished / f"{name}.npy", getattr(self, name))
            (unfinished / "bank.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")

    @classmethod
    def loaded(cls, folder: str | Path, scenario: Scenario) -> Self:
        """Loads a saved bank by mapping it into memory; processes that load the same bank share its pages.

        Raises:
            ConfigError: the folder holds no bank, or a bank of another scenario or version.
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
        bank._take_params(params)
        bank.observation_space = Observer(scenario).space
        bank.__dict__.update(arrays, version=0, frozen=True)
        bank.split, bank.most_arrivals = facts["split"], facts["most_arrivals"]
        bank.scenario_sha256, bank.numbers = facts["scenario_sha256"], np.asarray(facts["numbers"], dtype=np.int64)
        bank.slot_of = {int(number): slot for slot, number in enumerate(bank.numbers)}
        return bank


LAYOUT = sha256_of_bytes(repr((HOUR.descr, JOB.descr, ON_ARRIVAL.descr)).encode())[:16]
"""Hash of the packed form; it changes when the form changes."""


def episodes_for(
    scenario: Scenario,
    num_envs: int,
    split: str,
    recording: Recording | str | Path | None,
    reward: RewardKind,
    bank: EpisodeBank | int | None,
    draw_ahead: int | None,
) -> Episodes:
    """Makes the source of episodes of a batch; the arguments are those of `ClusterVectorEnv`.

    Raises:
        ConfigError: the recording or the bank cannot be used.
        ValueError: a bank is asked for together with `draw_ahead`.
    """
    if isinstance(recording, (str, Path)):
        recording = load_recording(Path(recording), scenario)
    if bank is None:
        ahead = min(num_envs, DRAWN_AHEAD) if draw_ahead is None else draw_ahead
        return Fresh(scenario, num_envs, split=split, recording=recording, on_arrival=reward != "cost", ahead=ahead)
    if draw_ahead is not None:
        raise ValueError(f"draw_ahead = {draw_ahead}: a bank's episodes are all drawn ahead; leave it out")
    if isinstance(bank, int):
        bank = EpisodeBank.drawn(scenario, range(bank), split=split, recording=recording)
    return Banked(bank, scenario)
