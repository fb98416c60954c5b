"""A trained network as a Policy, in NumPy alone: a decision costs microseconds and torch is not loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wattward.agents.inference.checkpoint import Manifest, observation_sha256, read_policy
from wattward.agents.inference.numpy_lstm import RecurrentNetwork
from wattward.agents.inference.numpy_networks import ActingNetwork, RegionNetwork, acting_network, chooser
from wattward.configs.schema.base import ConfigError
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes, Shares
from wattward.envs.policy.region_views import observation_size


class LearnedPolicy:
    """An agent's network as a method, without exploration."""

    def __init__(self, manifest: Manifest, network: ActingNetwork) -> None:
        self._manifest, self._network = manifest, network
        self._choose = chooser(manifest, network)
        self._held: Modes | Shares | None = None
        self._decided_in = -1

    @property
    def name(self) -> str:
        """The agent's name in capitals: PPO, DQN."""
        return self._manifest.agent.upper()

    @property
    def manifest(self) -> Manifest:
        """Where the network comes from."""
        return self._manifest

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - the protocol's; chance plays no part
        """Forgets the held modes and what the network remembers, and checks that the network was made for such a world.

        Raises:
            ConfigError: another observation, or, but for a network of regions, another number of them.
        """
        self._held, self._decided_in = None, -1
        if isinstance(self._network, RecurrentNetwork):
            self._network.reset()
        made = self._manifest
        for what, trained, given in self._fits(outlook):
            if trained != given:
                raise ConfigError(
                    f"{self.name} was trained on scenario {made.scenario!r} with {trained} {what}, "
                    f"this one has {given}; train it on this scenario"
                )

    def _fits(self, outlook: Outlook) -> tuple[tuple[str, int, int], ...]:
        made, size, n_orders = self._manifest, outlook.observation.size, _n_orders(outlook)
        if made.action_layout == "region":
            return (("observed numbers", observation_size(outlook.n_regions, made.observation_size), size),)
        if isinstance(self._network, RegionNetwork):
            width = self._network.width_in(size, outlook.n_regions)
            return ("stores to order", 0, n_orders), ("observed numbers a region", self._network.width, width)
        entries = ("regions and stores to order", made.n_regions, outlook.n_regions + n_orders)
        return entries, ("observed numbers", made.observation_size, size)

    def act(self, outlook: Outlook) -> Modes | Shares:
        """Modes of the highest value or probability, shape (R,), or shares (R, 2); held as long as in training."""
        if self._held is None or self._decides(outlook.step):
            self._held, self._decided_in = self._choose(outlook.observation), outlook.step
        return self._held.copy()

    def _decides(self, step: int) -> bool:
        # a network that remembers must see a step once, however often it is asked
        asked_again = isinstance(self._network, RecurrentNetwork) and step == self._decided_in
        return step % self._manifest.action_repeat == 0 and not asked_again


def _n_orders(outlook: Outlook) -> int:
    params = outlook.params
    return int((params.battery_entry >= 0).sum() + (params.tank_entry >= 0).sum())


def load_policy(path: Path, *, trust_pickle: bool = False) -> LearnedPolicy:
    """The policy in a checkpoint folder, or in a Stable-Baselines3 zip if `trust_pickle` says so.

    Raises:
        ConfigError: the checkpoint cannot be used, or a zip came without `trust_pickle`.
    """
    if path.suffix == ".zip":
        from wattward.agents.inference.sb3_zip import load_zip

        manifest, tensors = load_zip(path, trust_pickle=trust_pickle)
        return LearnedPolicy(manifest, acting_network(manifest, tensors, path))
    manifest, tensors = read_policy(path)
    if manifest.observation_sha256 != observation_sha256():
        raise ConfigError(f"{path}: trained on observations laid out otherwise than this version's; train it again")
    return LearnedPolicy(manifest, acting_network(manifest, tensors, path))
