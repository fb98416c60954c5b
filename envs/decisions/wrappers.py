"""Wrappers that change the shape of the decision."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.decisions.action import N_MODES, joint_to_modes


class JointModes(gymnasium.ActionWrapper[NDArray[np.float32], np.int64, NDArray[Any]]):
    """One Discrete(4**R) for all regions, for algorithms such as DQN; region 0 is the most significant digit."""

    def __init__(self, env: gymnasium.Env[NDArray[np.float32], NDArray[Any]]) -> None:
        """Wraps `env`.

        Raises:
            ValueError: its actions are not one of four modes a region.
        """
        super().__init__(env)
        space = env.action_space
        if not isinstance(space, spaces.MultiDiscrete) or (space.nvec != N_MODES).any():
            raise ValueError(f"JointModes needs MultiDiscrete([{N_MODES}] * R) actions, got {space}")
        self._n_regions = space.nvec.size
        self.action_space = spaces.Discrete(N_MODES**self._n_regions)

    def action(self, action: np.int64) -> NDArray[Any]:
        """Modes, shape (R,), of a joint action."""
        return joint_to_modes(np.asarray(action), self._n_regions)
