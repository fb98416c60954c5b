"""Uses a trained network as a Policy with NumPy only: a decision takes microseconds and torch is not loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wattward.agents.inference.checkpoint import Manifest, Tensors, observation_sha256, read_policy
from wattward.agents.inference.choosers import OutlookChooser
from wattward.agents.inference.networks import ActingNetwork, Seen
from wattward.agents.registry import algorithm
from wattward.configs.schema.base import ConfigError
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Decision, Modes, Shares


class LearnedPolicy:
    """Policy that acts with an agent's network, without exploration."""

    def __init__(self, manifest: Manifest, network: ActingNetwork) -> None:
        self._manifest, self._network = manifest, network
        self._choose = algorithm(manifest.algorithm).chooser(manifest, network)
        self._held: Modes | Shares | None = None
        self._decided_in = -1

    @property
    def name(self) -> str:
        """The agent's name in capitals, such as PPO or DQN."""
        return self._manifest.agent.upper()

    @property
    def manifest(self) -> Manifest:
        """The manifest of the network's checkpoint."""
        return self._manifest

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - required by the protocol; this policy is not random
        """Clears the held decision and the network's memory, and checks that the network fits the world.

        Raises:
            ConfigError: the observation, or the number of regions, is not the one that the network was made for; a
                network of regions accepts any number of regions.
        """
        self._held, self._decided_in = None, -1
        self._network.reset()
        made = self._manifest
        seen = Seen(outlook.observation.size, outlook.n_regions, _n_orders(outlook))
        for what, trained, given in self._choose.requirements(made, seen):
            if trained != given:
                raise ConfigError(
                    f"{self.name} was trained on scenario {made.scenario!r} with {trained} {what}, "
                    f"this one has {given}; train it on this scenario"
                )
        if isinstance(self._choose, OutlookChooser):
            self._choose.begin(outlook)

    def act(self, outlook: Outlook) -> Decision:
        """Returns the best or most probable modes (R,), shares (R, 2), or orders for all jobs.

        Modes and shares are held as long as in training.
        """
        if isinstance(self._choose, OutlookChooser):
            return self._choose.orders(outlook)
        if self._held is None or self._decides(outlook.step):
            self._held, self._decided_in = self._choose(outlook.observation), outlook.step
        return self._held.copy()

    def _decides(self, step: int) -> bool:
        # a network with memory must process each step only once, even if act is called several times
        asked_again = self._network.remembers and step == self._decided_in
        return step % self._manifest.action_repeat == 0 and not asked_again


def _n_orders(outlook: Outlook) -> int:
    return int((outlook.params.store_entry >= 0).sum())


def load_policy(path: Path, *, trust_pickle: bool = False) -> LearnedPolicy:
    """Loads the policy from a checkpoint folder, or from a Stable-Baselines3 zip if `trust_pickle`.

    Raises:
        ConfigError: the checkpoint cannot be used, or the path is a zip and `trust_pickle` is False.
    """
    if path.suffix == ".zip":
        from wattward.agents.inference.sb3_zip import load_zip

        return LearnedPolicy(*load_zip(path, trust_pickle=trust_pickle))
    manifest, tensors = read_policy(path)
    if manifest.observation_sha256 != observation_sha256(manifest.action_layout):
        raise ConfigError(f"{path}: trained on observations laid out otherwise than this version's; train it again")
    return LearnedPolicy(manifest, acting_network(manifest, tensors, path))


def acting_network(manifest: Manifest, tensors: Tensors, path: Path) -> ActingNetwork:
    """Builds the acting network from a checkpoint's tensors; `path` is used in error messages.

    Raises:
        ConfigError: layers are missing or do not fit the manifest.
    """
    try:
        known = algorithm(manifest.algorithm)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return known.network(manifest, tensors, path)


def acting_tensors(manifest: Manifest, tensors: Tensors) -> Tensors:
    """Selects the tensors of the acting network from a checkpoint's tensors; all others are left out."""
    prefixes = algorithm(manifest.algorithm).acting_prefixes(manifest)
    return {name: tensor for name, tensor in tensors.items() if name.startswith(prefixes)}
