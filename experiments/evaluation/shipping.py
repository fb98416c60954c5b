"""What a cell needs and another machine may not have, the files of worlds and of a checkpoint: sent once."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.experiments.evaluation import evaluate
from wattward.experiments.evaluation.evaluate import Worlds
from wattward.experiments.evaluation.methods import Method

_AT_HAND: dict[str, Path] = {}
"""Checkpoints that were sent to this process, by their content."""


class Packed(Protocol):
    """Something that was packed on the driver and can be pickled."""

    def unpack(self) -> None:
        """Puts it where the work of this process finds it; a second time nothing happens."""
        ...


class Shipment(Protocol):
    """Names something to send; equal shipments are packed once."""

    def pack(self) -> Packed:
        """Reads it, on the driver."""
        ...


@dataclass(frozen=True)
class WorldsShipment:
    """The resolved scenario and the recording behind some worlds."""

    worlds: Worlds

    def pack(self) -> PackedWorlds:
        """Loads both."""
        scenario, recording = self.worlds.scenario, self.worlds.recording
        played = evaluate.recorded(recording, scenario) if recording else None
        return PackedWorlds(self.worlds, load_scenario(scenario), played)


@dataclass(frozen=True)
class PackedWorlds:
    """Worlds with all that they are made of."""

    worlds: Worlds
    scenario: Scenario
    recording: Any

    def unpack(self) -> None:
        """Lends both to this process."""
        evaluate.give_worlds(self.worlds, self.scenario, self.recording)


@dataclass(frozen=True)
class CheckpointShipment:
    """The file or the folder's files behind a method."""

    content: str
    path: Path

    def pack(self) -> PackedCheckpoint:
        """Reads them."""
        if self.path.is_dir():
            files = {path.name: path.read_bytes() for path in sorted(self.path.iterdir()) if path.is_file()}
            return PackedCheckpoint(self.content, None, files)
        return PackedCheckpoint(self.content, self.path.name, {self.path.name: self.path.read_bytes()})


@dataclass(frozen=True)
class PackedCheckpoint:
    """Files by name, and which of them is the checkpoint where it is not all of them."""

    content: str
    file: str | None
    files: dict[str, bytes]

    def unpack(self) -> None:
        """Writes them into a folder that this process deletes when it ends."""
        if self.content in _AT_HAND:
            return
        folder = Path(_store().name, self.content)
        folder.mkdir()
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        _AT_HAND[self.content] = folder / self.file if self.file else folder


def shipments(who: Method, worlds: Worlds) -> tuple[Shipment, ...]:
    """All that a cell of these needs."""
    checkpoint = () if who.path is None else (CheckpointShipment(who.content, who.path),)
    return (WorldsShipment(worlds), *checkpoint)


def at_hand(who: Method) -> Method:
    """The method, its path the one of the files that were sent, if any were."""
    return replace(who, path=_AT_HAND[who.content]) if who.content in _AT_HAND else who


@cache
def _store() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="wattward-checkpoints-")
