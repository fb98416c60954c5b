"""Where episodes come from: a scenario, a split, and perhaps a recording."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.configs.digests import digest
from wattward.configs.loading.worlds import load_scenario
from wattward.experiments.common.provenance import code_and_packages

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.configs.schema.suite import Precision


@dataclass(frozen=True)
class Worlds:
    """A family of episodes: a scenario's, of one split, drawn or from a recording; scored by one bound."""

    scenario: str
    split: str = "test"
    recording: str | None = None
    bound: Precision = "fast"

    def name(self) -> str:
        """Names the content of these worlds, and the code and the packages that run them, but for that of agents."""
        scenario = load_scenario(self.scenario)
        content = recording_digest(self.recording, self.scenario) if self.recording else None
        tighter = () if self.bound == "fast" else (self.bound,)
        return digest(scenario.model_dump_json(), self.split, content, code_and_packages(learned=False), *tighter)


_GIVEN: dict[tuple[str, str | None], tuple[Scenario, Any]] = {}
"""Scenarios and recordings that this process was given, by name, because their files may be elsewhere."""


def give_worlds(worlds: Worlds, scenario: Scenario, recording: Any) -> None:  # noqa: ANN401 - a Recording, or None
    """Lets this process meet some worlds without their files."""
    _GIVEN.setdefault((worlds.scenario, worlds.recording), (scenario, recording))


def given(scenario: str, recording: str | None) -> tuple[Scenario, Any] | None:
    """The scenario and the recording that this process was given for these names, if it was."""
    return _GIVEN.get((scenario, recording))


@cache
def recorded(recording: str, scenario: str) -> Any:  # noqa: ANN401 - Recording, imported only when used
    """A recording as a scenario plays it, read once in this process."""
    from wattward.envs.world.recording import load_recording

    return load_recording(Path(recording), load_scenario(scenario))


@cache
def recording_digest(recording: str, scenario: str) -> str:
    """Names the series that a recording holds for a scenario."""
    import joblib

    return str(joblib.hash(recorded(recording, scenario)))
