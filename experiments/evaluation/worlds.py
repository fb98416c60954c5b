"""Sources of episodes: a scenario, a split, and optionally a recording."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.configs.digests import digest
from wattward.configs.loading.worlds import load_scenario
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.common.provenance import code_and_packages

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.configs.schema.suite import Precision


@dataclass(frozen=True)
class Worlds:
    """The episodes of one split of a scenario, drawn or from a recording, and the bound that scores them."""

    scenario: str
    split: str = "test"
    recording: str | None = None
    bound: Precision = "fast"

    def name(self) -> str:
        """Returns a hash of these worlds' content and version, and of the code and packages that run them.

        The code of agents is left out.
        """
        scenario = load_scenario(self.scenario)
        content = recording_digest(self.recording, self.scenario) if self.recording else None
        tighter = () if self.bound == "fast" else (self.bound,)
        about = (WORLDS_VERSION, scenario.model_dump_json(), self.split, content)
        return digest(*about, code_and_packages(learned=False), *tighter)


_GIVEN: dict[tuple[str, str | None], tuple[Scenario, Any]] = {}
"""Scenarios and recordings that were sent to this process, by name; their files may be on another machine."""


def give_worlds(worlds: Worlds, scenario: Scenario, recording: Any) -> None:  # noqa: ANN401 - a Recording, or None
    """Registers a scenario and a recording in this process, so that their files are not needed."""
    _GIVEN.setdefault((worlds.scenario, worlds.recording), (scenario, recording))


def given(scenario: str, recording: str | None) -> tuple[Scenario, Any] | None:
    """Returns the scenario and the recording that `give_worlds` registered under these names, or None."""
    return _GIVEN.get((scenario, recording))


@cache
def recorded(recording: str, scenario: str) -> Any:  # noqa: ANN401 - Recording, imported only when used
    """Loads a recording for a scenario, once in each process."""
    from wattward.envs.world.recording import load_recording

    return load_recording(Path(recording), load_scenario(scenario))


@cache
def recording_digest(recording: str, scenario: str) -> str:
    """Returns a hash of the series that a recording holds for a scenario."""
    import joblib

    return str(joblib.hash(recorded(recording, scenario)))
