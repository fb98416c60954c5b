"""Stable-Baselines3's networks, reduced to what this action space needs.

The same seed gives the same numbers as with the original networks.
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs
from torch.nn import functional

from wattward.configs.schema.base import ConfigError
from wattward.envs.decisions.modes import allowed_modes

MASKED_LOGIT = -1e8
"""Logit of a masked mode, the same as in sb3-contrib."""


class ReLU(torch.nn.ReLU):
    """Rectifier that overwrites its input. This is safe because the output of a linear layer is not used again."""

    def __init__(self) -> None:
        super().__init__(inplace=True)


class ModesPolicy(ActorCriticPolicy):
    """Actor and critic for one choice in each region.

    The log-probabilities of all regions are in one tensor instead of one distribution object for each region.
    Observations arrive flat and as float32, so they are not converted.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *args: Any,  # noqa: ANN401 - SB3's own
        **kwargs: Any,  # noqa: ANN401 - SB3's own
    ) -> None:
        """Takes the same arguments as Stable-Baselines3's class.

        Raises:
            ConfigError: the space is not MultiDiscrete, or its regions have different numbers of modes.
        """
        if not isinstance(action_space, spaces.MultiDiscrete) or len({*action_space.nvec.tolist()}) != 1:
            raise ConfigError(f"action_space = {action_space}: must be MultiDiscrete, as many modes in every region")
        self._shape = (-1, len(action_space.nvec), int(action_space.nvec[0]))
        super().__init__(observation_space, action_space, *args, **kwargs)

    def forward(
        self, obs: torch.Tensor, deterministic: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns modes (B, R), values (B, 1) and the modes' log-probabilities (B,) for observations (B, size)."""
        latent, latent_value = self.mlp_extractor(obs)
        log_probs = self._log_probs(latent)
        modes = log_probs.argmax(dim=2) if deterministic else _drawn(functional.softmax(log_probs, dim=2))
        return modes, self.value_net(latent_value), _chosen(log_probs, modes)

    def evaluate_actions(
        self, obs: PyTorchObs, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Returns values (B, 1), log-probabilities (B,) of the given modes (B, R), and entropies (B,)."""
        latent, latent_value = self.mlp_extractor(obs)
        log_probs = self._log_probs(latent)
        chosen = _chosen(log_probs, actions.long())
        entropy = -(functional.softmax(log_probs, dim=2) * log_probs).sum(dim=2)
        return self.value_net(latent_value), chosen, entropy.sum(dim=1)

    def _log_probs(self, latent: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.action_net(latent).view(self._shape)
        return logits - logits.logsumexp(dim=2, keepdim=True)


class MaskedModesPolicy(ModesPolicy):
    """Actor and critic that give masked modes zero probability.

    The mask is a function of the observation. The policy therefore computes it itself, in rollouts and in updates, and
    PPO needs no change. sb3-contrib's MaskablePPO takes masks from the environment and learns the same.
    """

    _masked = torch.zeros(0, dtype=torch.bool)

    def forward(
        self, obs: torch.Tensor, deterministic: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns modes (B, R), values (B, 1) and the modes' log-probabilities (B,) for observations (B, size)."""
        self._mask(obs)
        return super().forward(obs, deterministic)

    def evaluate_actions(
        self, obs: PyTorchObs, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Returns values (B, 1), log-probabilities (B,) of the given modes (B, R), and entropies (B,)."""
        self._mask(obs)
        return super().evaluate_actions(obs, actions)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> torch.Tensor:
        assert isinstance(observation, torch.Tensor)
        return self.forward(observation, deterministic)[0]

    def _mask(self, obs: Any) -> None:  # noqa: ANN401 - SB3's
        allowed = allowed_modes(obs.numpy(), self._shape[1])
        self._masked = torch.from_numpy(~allowed)

    def _log_probs(self, latent: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.action_net(latent).view(self._shape)
        logits = logits.masked_fill(self._masked, MASKED_LOGIT)
        return logits - logits.logsumexp(dim=2, keepdim=True)


def _chosen(log_probs: torch.Tensor, modes: torch.Tensor) -> torch.Tensor:
    return log_probs.gather(2, modes.unsqueeze(2)).squeeze(2).sum(dim=1)


def _drawn(probabilities: torch.Tensor) -> torch.Tensor:
    regions = probabilities.transpose(0, 1).contiguous()
    return torch.cat([torch.multinomial(region, 1, replacement=True) for region in regions], dim=1)
