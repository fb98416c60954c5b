"""Training runs: each has a folder with checkpoints, from which training can continue, and the finished policy.

runs/SCENARIO/AGENT/seed-N/ holds `run.json` (agent, scenario, seed and settings), `step-…/` (checkpoints with the
optimizer), `best/` (the best policy so far on validation episodes), `tensorboard/`, and `final/` once the run is done.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.agents.inference.checkpoint import Manifest, Tensors, read_optimizer, read_policy
from wattward.configs.digests import sha256_of_json
from wattward.configs.files import write_json
from wattward.configs.schema.agent import AgentSettings
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.envs.world.splits import WORLDS_VERSION

if TYPE_CHECKING:
    from rich.console import Console


class Run:
    """A training run: agent, scenario, settings, seed, and the folder of its files."""

    def __init__(self, out: Path, agent: str, scenario: Scenario, settings: AgentSettings, seed: int) -> None:
        self.agent, self.scenario, self.settings, self.seed = agent, scenario, settings, seed
        self.directory = out / scenario.name / agent / f"seed-{seed}"
        self.final, self.best = self.directory / "final", self.directory / "best"

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that identify a run: two runs with equal facts are the same run."""
        return {
            "agent": self.agent,
            "scenario": self.scenario.name,
            "worlds": WORLDS_VERSION,
            "scenario_sha256": sha256_of_json(self.scenario.model_dump(mode="json")),
            "seed": self.seed,
            "settings": self.settings.model_dump(mode="json"),
        }

    def is_finished(self, *, resume: bool, overwrite: bool) -> bool:
        """Whether nothing is left to train. Nothing is written.

        Raises:
            ConfigError: the folder holds a different run, or an unfinished run and `resume` is False.
        """
        record = self.directory / "run.json"
        if overwrite or not record.is_file():
            return False
        self._compare(record)
        if self.final.is_dir():
            read_policy(self.final)
            return True
        if not resume:
            raise ConfigError(f"{self.directory}: holds an unfinished run; resume it (--resume) or --overwrite it")
        return False

    def prepare(self, *, resume: bool, overwrite: bool) -> bool:
        """Prepares the folder and returns whether this run is finished already.

        Raises:
            ConfigError: as `is_finished`.
        """
        if self.is_finished(resume=resume, overwrite=overwrite):
            return True
        if overwrite:
            self._clear()
        self.directory.mkdir(parents=True, exist_ok=True)
        write_json(self.directory / "run.json", self.facts)
        return False

    def checkpoint_at(self, steps_done: int) -> Path:
        """Returns the folder of the checkpoint after `steps_done` steps."""
        return self.directory / f"step-{steps_done:010d}"

    def last_whole(self, console: Console) -> tuple[Manifest, Tensors, Tensors] | None:
        """Returns the last checkpoint that can be read completely, or None; broken ones are reported and skipped."""
        for directory in sorted(self.directory.glob("step-*"), reverse=True):
            try:
                return *read_policy(directory), read_optimizer(directory)
            except ConfigError as error:
                console.print(f"passing over a broken checkpoint: {error}")
        return None

    def _compare(self, record: Path) -> None:
        try:
            earlier = json.loads(record.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ConfigError(f"{record}: not readable as JSON ({error}); --overwrite the run") from error
        here, there = _flat(self.facts), _flat(earlier)
        different = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
        if different:
            shown = ", ".join(f"{key} {there.get(key)!r} -> {here.get(key)!r}" for key in different)
            raise ConfigError(f"{record}: an earlier run differs ({shown}); choose another --out or --overwrite it")

    def _clear(self) -> None:
        for directory in [self.final, self.best, self.directory / "tensorboard", *self.directory.glob("step-*")]:
            shutil.rmtree(directory, ignore_errors=True)
        (self.directory / "run.json").unlink(missing_ok=True)


def _flat(facts: dict[str, Any]) -> dict[str, Any]:
    settings = facts.get("settings")
    inner = {f"settings.{key}": value for key, value in settings.items()} if isinstance(settings, dict) else {}
    return {key: value for key, value in facts.items() if key != "settings"} | inner
