"""A random mode for every region and step."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.envs.decisions.action import Mode
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class Random(Rule):
    """Uniformly drawn modes, from the generator that `reset` was given.

    Source: common control method; SustainCluster (NeurIPS 2025 Datasets and Benchmarks) ranks a random assignment as
    well.
    """

    name = "Random"

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - the protocol's argument
        """Keeps the generator of the episode."""
        self._rng = rng

    def act(self, outlook: Outlook) -> Modes:
        """Uniform draws from all modes."""
        return self._rng.integers(len(Mode), size=outlook.n_regions)
