"""Measures the speed of training by part, beside stock Stable-Baselines3 on CartPole with the same settings.

A frame is what the learner sees as one step: one decision in one environment. Here a decision applies to
`action_repeat` steps of the simulator, in CartPole to one step.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from wattward.agents.learners.value_learners import BatchLearner
from wattward.agents.registry import algorithm_of, load_agent
from wattward.agents.training import environments, models
from wattward.agents.training.callbacks import EpisodeKpis
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.agent import AgentSettings
from wattward.configs.schema.base import ConfigError

Agent = Literal["ppo", "dqn"]
PARTS = ("env", "policy", "buffer", "gradient", "callbacks", "other")
"""Environment, choice of actions, storing and sampling of transitions, losses and weights, callbacks, all else."""
CARTPOLE = "CartPole-v1"
SEED = 0


class Stopwatch:
    """Seconds of wall clock and of processor time by part. An inner part does not count for the outer one."""

    def __init__(self) -> None:
        self._open = ["other"]
        self.restart()

    def restart(self) -> None:
        """Clears all measured times and starts again."""
        self.wall_s, self.cpu_s = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)
        self._wall_then, self._cpu_then = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """Adds the time since the last part began or ended."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.wall_s[self._open[-1]] += wall - self._wall_then
        self.cpu_s[self._open[-1]] += cpu - self._cpu_then
        self._wall_then, self._cpu_then = wall, cpu

    def __call__(self, part: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any call's
        """Calls a function and adds its time to a part."""
        self.stop()
        self._open.append(part)
        try:
            return call(*args, **kwargs)
        finally:
            self.stop()
            self._open.pop()

    def attach(self, owner: Any, method: str, part: str) -> None:  # noqa: ANN401 - any object's
        """Times all later calls of one object's method as a part. For a generator, its steps are timed."""
        call = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any call's
            result = self(part, call, *args, **kwargs)
            return self._steps(part, result) if isinstance(result, Iterator) else result

        setattr(owner, method, timed)

    def _steps(self, part: str, items: Iterator[Any]) -> Iterator[Any]:
        end = object()
        while (item := self(part, next, items, end)) is not end:
            yield item


class TimedEnv(VecEnvWrapper):
    """Environments whose steps and resets are timed."""

    def __init__(self, venv: VecEnv, watch: Stopwatch) -> None:
        super().__init__(venv)
        self._watch = watch

    def reset(self) -> VecEnvObs:
        """Resets the environments and returns the first observations."""
        observations: VecEnvObs = self._watch("env", self.venv.reset)
        return observations

    def step_async(self, actions: Any) -> None:  # noqa: ANN401 - SB3's arrays
        """Starts a step with the given actions."""
        self._watch("env", self.venv.step_async, actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Finishes the step and returns observations, rewards, dones and infos."""
        result: VecEnvStepReturn = self._watch("env", self.venv.step_wait)
        return result


class TimedCallbacks(CallbackList):
    """Callbacks that are timed."""

    def __init__(self, callbacks: list[BaseCallback], watch: Stopwatch) -> None:
        super().__init__(callbacks)
        self._watch = watch

    def on_step(self) -> bool:
        """Calls the callbacks after a step; returns False if training must end."""
        return bool(self._watch("callbacks", super().on_step))

    def on_rollout_start(self) -> None:
        """Calls the callbacks before a rollout."""
        self._watch("callbacks", super().on_rollout_start)


def measure(
    agent: Agent, frames: int, *, scenario: str = "zhejiang-xinjiang", torch_threads: int = 1
) -> dict[str, Any]:
    """Trains a shipped agent with the shipped settings of the scenario and measures its speed.

    Other work of `wattward train` at every step is included; validations and checkpoints are not. The first rollout,
    and the frames of a DQN before it begins to learn, are not counted either, because code is compiled in them.

    Args:
        agent: Name of the agent.
        frames: Number of frames to train for, after the uncounted ones; rounded up to whole rollouts.
        scenario: Shipped scenario or a scenario file.
        torch_threads: Number of threads of PyTorch.

    Returns:
        "frames" trained, "frames_per_s", "us_per_frame" by part, "parts" (the parts' shares of the time),
        "env_share" (the environment's share of the wall clock), "env_cpu_share" (its share of processor time), and
        "action_repeat" (the simulator's steps in a frame).

    Raises:
        ConfigError: the agent or scenario is unknown.
    """
    settings, world = _settings(agent, scenario), load_scenario(scenario)
    watch = Stopwatch()
    bank = environments.make_bank(world, settings, SEED)
    env = TimedEnv(environments.make_env(world, settings, SEED, bank=bank), watch)
    model = models.make_model(settings, env, SEED, episode_steps=world.n_steps, threads=torch_threads)
    assert isinstance(model, (PPO, DQN))
    return {**_measured(model, [EpisodeKpis()], frames, watch), "action_repeat": settings.action_repeat}


def measure_cartpole(
    agent: Agent, frames: int, *, scenario: str = "zhejiang-xinjiang", torch_threads: int = 1
) -> dict[str, Any]:
    """Measures the same for stock Stable-Baselines3 on CartPole-v1 in a DummyVecEnv.

    All settings are those of the agent: environments, network, batches, epochs or gradient steps, buffer, and the rest.

    Args:
        agent: Name of the agent.
        frames: Number of frames to train for, after the uncounted ones; rounded up to whole rollouts.
        scenario: Scenario whose settings are used.
        torch_threads: Number of threads of PyTorch.

    Returns:
        As `measure`.

    Raises:
        ConfigError: the agent or scenario is unknown.
    """
    settings, world = _settings(agent, scenario), load_scenario(scenario)
    torch.set_num_threads(torch_threads)
    watch = Stopwatch()
    env = TimedEnv(make_vec_env(CARTPOLE, settings.num_envs, seed=SEED), watch)
    common = models.model_arguments(settings, env.num_envs, world.n_steps)
    model = algorithm_of(settings).stock()("MlpPolicy", env, seed=SEED, **common)
    assert isinstance(model, (PPO, DQN))
    return {**_measured(model, [], frames, watch), "action_repeat": 1}


def _settings(agent: str, scenario: str) -> AgentSettings:
    if agent not in get_args(Agent):
        raise ConfigError(f"agent = {agent!r}: must be one of {', '.join(get_args(Agent))}")
    return load_agent(agent, load_scenario(scenario).name)


def _measured(model: PPO | DQN, callbacks: list[BaseCallback], frames: int, watch: Stopwatch) -> dict[str, Any]:
    assert model.env is not None
    first = model.n_steps * model.n_envs if isinstance(model, PPO) else model.learning_starts + model.n_envs
    timed = TimedCallbacks(callbacks, watch)
    with tempfile.TemporaryDirectory() as folder:
        model.set_logger(configure(folder, ["tensorboard"]))
        model.learn(first, timed)
        _attach(model, watch)
        done = model.num_timesteps
        watch.restart()
        model.learn(frames, timed, reset_num_timesteps=False)
        watch.stop()
        model.logger.close()
    model.env.close()
    return _report(watch, model.num_timesteps - done)


def _attach(model: PPO | DQN, watch: Stopwatch) -> None:
    watch.attach(model, "train", "gradient")
    if isinstance(model, PPO):
        hooks: list[tuple[object, str, str]] = [
            (model.policy, name, "policy") for name in ("forward", "predict_values")
        ]
        storing = ("add", "get", "compute_returns_and_advantage")
        hooks += [(model.rollout_buffer, name, "buffer") for name in storing]
    else:
        drawing = "sample_batches" if isinstance(model, BatchLearner) else "sample"
        hooks = [(model, "_sample_action", "policy")]
        hooks += [(model.replay_buffer, name, "buffer") for name in ("add", drawing)]
    for owner, method, part in hooks:
        watch.attach(owner, method, part)


def _report(watch: Stopwatch, frames: int) -> dict[str, Any]:
    wall_s, cpu_s = sum(watch.wall_s.values()), sum(watch.cpu_s.values())
    shares = {part: seconds / wall_s for part, seconds in watch.wall_s.items()}
    return {
        "frames": frames,
        "frames_per_s": frames / wall_s,
        "us_per_frame": {part: 1e6 * seconds / frames for part, seconds in watch.wall_s.items()},
        "parts": shares,
        "env_share": shares["env"],
        "env_cpu_share": watch.cpu_s["env"] / cpu_s,
    }
