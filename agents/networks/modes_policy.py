"""Stable-Baselines3's networks without what only other spaces need; the same seed gives the same numbers."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs
from torch.nn import functional

from wattward.configs.schema.base import ConfigError


class ReLU(torch.nn.ReLU):
    """Rectifier that overwrites its input: nothing after a linear layer needs what it gave."""

    def __init__(self) -> None:
        super().__init__(inplace=True)


class ModesPolicy(ActorCriticPolicy):
    """Actor and critic for one choice a region: log-probabilities in one tensor, not a distribution object a region.

    Observations are flat and float32 as they come, so nothing is converted on the way in.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *args: Any,  # noqa: ANN401 - SB3's own
        **kwargs: Any,  # noqa: ANN401 - SB3's own
    ) -> None:
        """As Stable-Baselines3's.

        Raises:
            ConfigError: regions with different numbers of modes, or another kind of space.
        """
        if not isinstance(action_space, spaces.MultiDiscrete) or len({*action_space.nvec.tolist()}) != 1:
            raise ConfigError(f"action_space = {action_space}: must be MultiDiscrete, as many modes in every region")
        self._shape = (-1, len(action_space.nvec), int(action_space.nvec[0]))
        super().__init__(observation_space, action_space, *args, **kwargs)

    def forward(
        self, obs: torch.Tensor, deterministic: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Modes (B, R), values (B, 1) and the modes' log-probabilities (B,) of observations (B, size)."""
        latent, latent_value = self.mlp_extractor(obs)
        log_probs = self._log_probs(latent)
        modes = log_probs.argmax(dim=2) if deterministic else _drawn(functional.softmax(log_probs, dim=2))
        return modes, self.value_net(latent_value), _chosen(log_probs, modes)

    def evaluate_actions(
        self, obs: PyTorchObs, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Values (B, 1), log-probabilities (B,) of modes (B, R), and entropies (B,)."""
        latent, latent_value = self.mlp_extractor(obs)
        log_probs = self._log_probs(latent)
        chosen = _chosen(log_probs, actions.long())
        entropy = -(functional.softmax(log_probs, dim=2) * log_probs).sum(dim=2)
        return self.value_net(latent_value), chosen, entropy.sum(dim=1)

    def _log_probs(self, latent: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.action_net(latent).view(self._shape)
        return logits - logits.logsumexp(dim=2, keepdim=True)


def _chosen(log_probs: torch.Tensor, modes: torch.Tensor) -> torch.Tensor:
    return log_probs.gather(2, modes.unsqueeze(2)).squeeze(2).sum(dim=1)


def _drawn(probabilities: torch.Tensor) -> torch.Tensor:
    regions = probabilities.transpose(0, 1).contiguous()
    return torch.cat([torch.multinomial(region, 1, replacement=True) for region in regions], dim=1)
