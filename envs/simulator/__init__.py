"""Plays batches of episodes: the simulator, and the banks and sources of episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.simulator.bank import Bank
    from wattward.envs.simulator.simulator import Simulator
    from wattward.envs.simulator.source import EpisodeBank, Fresh

__all__ = [
    "Bank",
    "EpisodeBank",
    "Fresh",
    "Simulator",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.simulator.bank": "Bank",
        "envs.simulator.simulator": "Simulator",
        "envs.simulator.source": "EpisodeBank Fresh",
    },
)
