"""Where episodes come from: sun, wind, demand and prices, drawn from a seed or read from recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.world.recording import Recording, load_recording
    from wattward.envs.world.splits import SPLITS, episode_seed

__all__ = [
    "SPLITS",
    "Recording",
    "episode_seed",
    "load_recording",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.world.recording": "Recording load_recording",
        "envs.world.splits": "SPLITS episode_seed",
    },
)
