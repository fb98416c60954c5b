"""Measures frames per second of training, beside stock Stable-Baselines3 on CartPole with the same settings."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from wattward.experiments.benchmark.timing import Effort, Measured, Meter, ratios, spread

if TYPE_CHECKING:
    from wattward.experiments.benchmark.training_speed import Agent


def training(effort: Effort, meter: Meter) -> Measured:
    """PPO and DQN: frames per second, the environment's share of the time, and the ratio to CartPole."""
    frames: dict[Agent, int] = {"ppo": effort.ppo_frames, "dqn": effort.dqn_frames}
    return {agent: _agent(agent, count, effort, meter) for agent, count in frames.items()}


def _agent(agent: Agent, frames: int, effort: Effort, meter: Meter) -> Measured:
    from wattward.experiments.benchmark import training_speed as speed

    ours: list[Measured] = []
    cartpole: list[Measured] = []
    for _ in meter.each(range(effort.training_repeats), f"training: {agent}"):
        ours.append(speed.measure(agent, frames))
        cartpole.append(speed.measure_cartpole(agent, frames))
    our_rate, cartpole_rate = ([run["frames_per_s"] for run in runs] for runs in (ours, cartpole))
    return {
        **spread("frames_per_s", our_rate),
        **spread("cartpole_frames_per_s", cartpole_rate),
        **spread("ratio_to_cartpole", ratios(our_rate, cartpole_rate)),
        **spread("env_share", [run["env_share"] for run in ours]),
        "parts": {part: float(median(run["parts"][part] for run in ours)) for part in ours[0]["parts"]},
    }
