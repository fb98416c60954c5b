"""Actor and critic that share their weights between regions, so that one policy serves any number and order of them.

One encoder maps the clock and a region's observations to a code (deep sets: Zaheer et al. 2017, arXiv 1703.06114). The
actor computes a region's logits from the region's own code and from the mean and maximum of all regions' codes. The
critic computes the value from that mean and maximum only.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from stable_baselines3.common.distributions import MultiCategoricalDistribution
from torch.nn import functional

from wattward.agents.networks.modes_policy import ModesPolicy
from wattward.configs.schema.base import ConfigError
from wattward.envs.model.observation import N_CLOCK

Activation = type[torch.nn.Module]


class RegionHead(torch.nn.Linear):
    """One linear layer for all regions: codes (B, R, width) to logits (B, R * modes)."""

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Returns the logits of the first region, then those of the second, and so on."""
        return super().forward(codes).flatten(1)


class RegionChoices(MultiCategoricalDistribution):
    """One categorical choice for each region; one shared layer computes the logits of all regions."""

    def proba_distribution_net(self, latent_dim: int) -> torch.nn.Module:
        """Returns the shared layer for codes of width `latent_dim`."""
        return RegionHead(latent_dim, self.action_dims[0])


class RegionExtractor(torch.nn.Module):
    """Encodes each region separately, and all regions together.

    Attributes:
        latent_dim_pi: Width of a region's code for the actor.
        latent_dim_vf: Width of the code for the critic.
    """

    def __init__(self, width: int, net_arch: Sequence[int], activation: Activation) -> None:
        """Builds the encoder and the two heads.

        Args:
            width: Length of the observation of one region.
            net_arch: Widths of the encoder's layers. The last one is also the width of each head's single layer.
            activation: Follows every layer.
        """
        super().__init__()
        code = net_arch[-1]
        self.latent_dim_pi = self.latent_dim_vf = code
        self._width = width
        self.encoder = _perceptron((N_CLOCK + width, *net_arch), activation)
        self.policy_net = _perceptron((3 * code, code), activation)
        self.value_net = _perceptron((2 * code, code), activation)

    def forward(self, observed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps observations (B, size) to codes of the actor (B, R, latent_dim_pi) and critic (B, latent_dim_vf)."""
        own = self._codes(observed)
        context = _pooled(own)
        return self._actor(own, context), self.value_net(context)

    def forward_actor(self, observed: torch.Tensor) -> torch.Tensor:
        """Returns only the actor's codes."""
        own = self._codes(observed)
        return self._actor(own, _pooled(own))

    def forward_critic(self, observed: torch.Tensor) -> torch.Tensor:
        """Returns only the critic's code."""
        value: torch.Tensor = self.value_net(_pooled(self._codes(observed)))
        return value

    def _codes(self, observed: torch.Tensor) -> torch.Tensor:
        regions = observed[:, N_CLOCK:].unflatten(1, (-1, self._width))
        clock = observed[:, None, :N_CLOCK].expand(-1, regions.shape[1], -1)
        codes: torch.Tensor = self.encoder(torch.cat([clock, regions], dim=2))
        return codes

    def _actor(self, own: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        head, activate = self.policy_net
        assert isinstance(head, torch.nn.Linear)
        # the part that all regions share is multiplied only once, not once for each region
        ours, common = head.weight.split([own.shape[2], context.shape[1]], dim=1)
        codes: torch.Tensor = activate(
            functional.linear(own, ours) + functional.linear(context, common, head.bias)[:, None]
        )
        return codes


class RegionsPolicy(ModesPolicy):
    """Policy for any order of regions: permuting the regions permutes their modes and does not change the value.

    Raises:
        ConfigError: the observation is not a clock followed by one block of equal width for each choice.
    """

    def _build_mlp_extractor(self) -> None:
        n_regions, size = self._shape[1], self.features_dim
        if size <= N_CLOCK or (size - N_CLOCK) % n_regions:
            raise ConfigError(
                f"observation of {size} numbers: must be {N_CLOCK} of the clock and equal blocks of {n_regions} regions"
            )
        assert isinstance(self.net_arch, list)
        self.mlp_extractor = RegionExtractor((size - N_CLOCK) // n_regions, self.net_arch, self.activation_fn)  # type: ignore[assignment]
        self.action_dist = RegionChoices([self._shape[2]] * n_regions)


def _pooled(own: torch.Tensor) -> torch.Tensor:
    return torch.cat([own.mean(dim=1), own.amax(dim=1)], dim=1)


def _perceptron(widths: Sequence[int], activation: Activation) -> torch.nn.Sequential:
    layers = ((torch.nn.Linear(*pair), activation()) for pair in itertools.pairwise(widths))
    return torch.nn.Sequential(*itertools.chain.from_iterable(layers))
