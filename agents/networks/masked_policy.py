"""PPO's actor with modes that cannot matter masked.

The mask is a function of the observation, so the policy works it out itself, in rollouts and in updates alike, and PPO
stays as it is; sb3-contrib's MaskablePPO, which has masks come from the environment, learns the same.
"""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.type_aliases import PyTorchObs

from wattward.agents.networks.modes_policy import ModesPolicy
from wattward.envs.decisions.modes import allowed_modes

MASKED_LOGIT = -1e8
"""As in sb3-contrib."""


class MaskedModesPolicy(ModesPolicy):
    """Actor and critic whose masked modes have no probability."""

    _masked = torch.zeros(0, dtype=torch.bool)

    def forward(
        self, obs: torch.Tensor, deterministic: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Modes (B, R), values (B, 1) and the modes' log-probabilities (B,) of observations (B, size)."""
        self._mask(obs)
        return super().forward(obs, deterministic)

    def evaluate_actions(
        self, obs: PyTorchObs, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Values (B, 1), log-probabilities (B,) of modes (B, R), and entropies (B,)."""
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
