"""Trains agents: runs that are resumed after an interruption, with validation, checkpoints and curves."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from wattward.agents.inference.checkpoint import (
    Manifest,
    observation_sha256,
    read_manifest,
    read_policy,
    write,
)
from wattward.agents.registry import algorithm_of, load_agent
from wattward.configs.digests import sha256_of_json
from wattward.configs.loading.reading import check
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.agent import AgentSettings, WarmStart
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.envs.decisions.action import Mode, StoreOrder, n_entries
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.training.runs import Run

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

PACKAGES = ("wattward", "stable-baselines3", "torch", "gymnasium", "numpy", "numba")
CHECKPOINTS = 10
"""Number of checkpoints in a run."""
VALIDATION_SEED = 0


def train_agent(
    agent: str,
    scenario: str,
    seed: int,
    *,
    out: Path = Path("runs"),
    total_steps: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    torch_threads: int = 1,
    console: Console | None = None,
) -> Path:
    """Trains an agent, resumes its training, or does nothing if the same run is finished already.

    A resumed run starts from the last complete checkpoint. It restores weights, optimizer and step count, and it draws
    new episodes. The policy refills a DQN's replay buffer before learning continues.

    Args:
        agent: Name of a shipped agent, or path of a settings file.
        scenario: Name of a shipped scenario, or path of a scenario file.
        seed: Seed of everything random in the run.
        out: Folder of all runs.
        total_steps: Replaces the value in the settings.
        resume: Whether to continue an interrupted run.
        overwrite: Whether to delete the files of an earlier run and start again.
        progress: Whether to show a progress bar if there is a terminal.
        torch_threads: Number of PyTorch threads. Networks of this size do not gain from a second thread, and become
            slower if the cores are busy.
        console: Console for messages; standard error by default.

    Returns:
        The folder of the finished policy.

    Raises:
        ConfigError: a name is unknown, the settings are wrong, or an earlier run is in the folder.
    """
    if torch_threads < 1:
        raise ConfigError(f"torch_threads = {torch_threads}: must be at least 1")
    console = console or Console(stderr=True)
    run = planned_run(agent, scenario, seed, out=out, total_steps=total_steps)
    if run.prepare(resume=resume, overwrite=overwrite):
        console.print(f"{run.final}: finished already, nothing to train")
        return run.final
    train_run(run, console, torch_threads=torch_threads, progress=progress)
    return run.final


def planned_run(agent: str, scenario: str, seed: int, *, out: Path, total_steps: int | None = None) -> Run:
    """Returns the run of an agent, after checking that it can be trained; nothing is written.

    Raises:
        ConfigError: a name is unknown, or the settings are wrong.
    """
    world = load_scenario(scenario)
    settings = _settings(agent, world, total_steps)
    _check(settings, world)
    return Run(out, Path(agent).stem, world, settings, seed)


def train_run(run: Run, console: Console, *, torch_threads: int = 1, progress: bool = True) -> None:
    """Trains a prepared run to its end, from its last complete checkpoint if it has one."""
    session = Session(run, console, torch_threads)
    try:
        session.train(show_progress=progress and console.is_terminal)
    finally:
        session.close()


def _settings(agent: str, scenario: Scenario, total_steps: int | None) -> AgentSettings:
    settings = load_agent(agent, scenario.name)
    if total_steps is None:
        return settings
    return check(type(settings), {**settings.model_dump(), "total_steps": total_steps}, Path(agent))


def _check(settings: AgentSettings, scenario: Scenario) -> None:
    """Rejects settings that cannot be trained, before anything is written."""
    algorithm = algorithm_of(settings)
    algorithm.check(settings, scenario)
    warm = algorithm.warm_start(settings)
    if warm is not None:
        from wattward.experiments.training.demonstrations import check_teacher

        check_teacher(warm.teacher)


class Session:
    """The part of a run that one process trains: environments, model, callbacks."""

    def __init__(self, run: Run, console: Console, torch_threads: int = 1) -> None:
        from stable_baselines3.common.logger import configure

        from wattward.agents.training import environments, models
        from wattward.agents.training.callbacks import Validation

        self._run, self._console, self._algorithm = run, console, algorithm_of(run.settings)
        settings, scenario = run.settings, run.scenario
        found = run.last_whole(console)
        done = found[0].steps_done if found else 0
        self._began_s, self._earlier_s = monotonic(), (found[0].wall_s or 0.0) if found else 0.0
        # a resumed run must not play its first episodes again
        seed = int(np.random.SeedSequence([run.seed, done]).generate_state(1)[0]) if done else run.seed
        bank = environments.make_bank(scenario, settings, run.seed, progress=console.is_terminal)
        self._env: VecEnv = environments.make_env(scenario, settings, seed, bank=bank)
        self._model: BaseAlgorithm = models.make_model(
            settings, self._env, seed, episode_steps=scenario.n_steps, threads=torch_threads
        )
        if found:
            models.restore(
                settings, self._model, found[1], found[2], steps_done=done, updates_done=found[0].updates_done
            )
            console.print(f"resuming after {done:,} of {settings.total_steps:,} steps")
        elif (warm := self._algorithm.warm_start(settings)) is not None:
            self._warm_up(settings, warm)
        self._model.set_logger(configure(str(run.directory / "tensorboard"), ["tensorboard"]))
        self._best_saving = read_manifest(run.best).validation_saving if run.best.is_dir() else None
        self._last_saving: float | None = None
        self._validation = Validation(*_validation_parts(scenario, settings)) if settings.validations else None

    def _warm_up(self, settings: AgentSettings, warm: WarmStart) -> None:
        from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

        from wattward.agents.training.imitation import imitate
        from wattward.experiments.training.demonstrations import demonstrations

        shown = demonstrations(self._run.scenario, settings, warm, self._run.seed)
        assert isinstance(self._model, OnPolicyAlgorithm)
        agreed = imitate(self._model, shown, warm, self._run.seed)
        self._console.print(f"{warm.teacher}: {len(shown.modes):,} decisions, {100 * agreed:.0f} % of modes imitated")

    def train(self, *, show_progress: bool) -> None:
        """Trains until the end of the run and writes the finished policy."""
        from wattward.agents.training.callbacks import ProgressBar

        settings = self._run.settings
        remaining = settings.total_steps - self._model.num_timesteps
        callbacks = self._callbacks()
        bar = ProgressBar(self._console, settings.total_steps, self._note) if show_progress else None
        log_interval = self._algorithm.log_interval(settings)
        try:
            if remaining > 0:
                everything = [*callbacks, bar] if bar else callbacks
                self._model.learn(remaining, everything, log_interval, reset_num_timesteps=False)
        finally:
            if bar:
                bar.stop()
        self._finish()

    def close(self) -> None:
        """Closes log files and environments."""
        self._model.logger.close()
        self._env.close()

    def _callbacks(self) -> list[Any]:
        from wattward.agents.training.callbacks import EpisodeKpis, Every

        settings = self._run.settings
        callbacks: list[Any] = [EpisodeKpis(), Every(max(1, settings.total_steps // CHECKPOINTS), self._checkpoint)]
        if settings.validations:
            callbacks.append(Every(max(1, settings.total_steps // settings.validations), self._validate))
        return [*callbacks, *self._algorithm.callbacks(settings)]

    def _note(self) -> str:
        return "" if self._last_saving is None else f"validation saving {100 * self._last_saving:.1f} %"

    def _checkpoint(self) -> None:
        from wattward.agents.training.models import optimizer_tensors, policy_tensors

        model = self._model
        directory = self._run.checkpoint_at(model.num_timesteps)
        write(directory, self._manifest(None), policy_tensors(model), optimizer_tensors(self._run.settings, model))

    def _validate(self) -> None:
        from wattward.agents.training.models import policy_tensors

        assert self._validation is not None
        self._last_saving = saving = self._validation.saving(self._model)
        self._model.logger.record("validation/saving", saving)
        if not self._console.is_terminal:
            self._console.print(f"{self._model.num_timesteps:,} steps: {self._note()}")
        if self._best_saving is None or saving > self._best_saving:
            self._best_saving = saving
            write(self._run.best, self._manifest(saving), policy_tensors(self._model))

    def _finish(self) -> None:
        from wattward.agents.training.models import policy_tensors

        if self._validation is None:
            write(self._run.final, self._manifest(None), policy_tensors(self._model))
            return
        self._validate()
        self._model.logger.dump(self._model.num_timesteps)
        manifest, tensors = read_policy(self._run.best)
        write(self._run.final, manifest, tensors)

    def _manifest(self, saving: float | None) -> Manifest:
        run, model, layout = self._run, self._model, self._algorithm.action_layout(self._run.settings)
        settings = run.settings.model_dump(mode="json")
        return Manifest(
            agent=run.agent,
            algorithm=run.settings.algorithm,
            scenario=run.scenario.name,
            worlds=WORLDS_VERSION,
            seed=run.seed,
            steps_done=model.num_timesteps,
            updates_done=model._n_updates,
            validation_saving=saving,
            wall_s=round(self._earlier_s + monotonic() - self._began_s, 1),
            settings=settings,
            settings_sha256=sha256_of_json(settings),
            activation=run.settings.activation,
            observation_size=_observation_size(model),
            observation_sha256=observation_sha256(layout),
            n_regions=run.scenario.n_regions if layout in ("region", "shares", "jobs") else n_entries(run.scenario),
            action_repeat=run.settings.action_repeat,
            action_layout=layout,
            network=settings.get("network", "flat"),
            packages={
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in PACKAGES},
            },
        )


def _observation_size(model: BaseAlgorithm) -> int:
    """Length of an observation; for agents that decide per job, without the rows of jobs."""
    seen: Any = model.observation_space
    if seen.shape is not None:
        return int(seen.shape[0])
    return int(seen["context"].shape[0] + np.prod(seen["regions"].shape))


def _validation_parts(
    scenario: Scenario, settings: AgentSettings
) -> tuple[Callable[[], VecEnv], Any, Callable[[], VecEnv]]:
    """Environments for the policy, the action that runs all work on arrival, and the environments that take it."""
    from wattward.agents.training.environments import make_env
    from wattward.envs.interfaces.sb3_env import FleetVecEnv

    episodes, layout = settings.validation_episodes, algorithm_of(settings).action_layout(settings)
    env = partial(make_env, scenario, settings, VALIDATION_SEED, split="validation", num_envs=episodes)
    always_run = [int(Mode.RUN)] * scenario.n_regions + [int(StoreOrder.BY_RULE)] * scenario.n_stores
    joint = int(sum(mode * len(Mode) ** place for place, mode in enumerate(reversed(always_run))))
    shares = np.broadcast_to([1.0, 0.0], (scenario.n_regions, 2))
    if layout == "jobs":
        modes = partial(FleetVecEnv, scenario, episodes, seed=VALIDATION_SEED, split="validation")
        return env, always_run, modes
    return env, {"joint": joint, "modes": always_run, "region": int(Mode.RUN), "shares": shares}[layout], env
