"""Actor and critic that treat all regions alike, so that one policy serves any number of them, in any order.

Each region's observations, joined with the clock, go through one encoder (deep sets: Zaheer et al. 2017, arXiv
1703.06114). A region's modes follow from its own code and the mean and maximum of all regions' codes; the value from
the latter alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from stable_baselines3.common.distributions import MultiCategoricalDistribution
from torch.nn import functional

from wattward.agents.networks.modes_policy import ModesPolicy
from wattward.configs.schema.base import ConfigError
from wattward.envs.model.layout import N_CLOCK

Activation = type[torch.nn.Module]


class RegionHead(torch.nn.Linear):
    """One linear layer for all regions: codes (B, R, width) to logits (B, R * modes)."""

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Logits, region by region."""
        return super().forward(codes).flatten(1)


class RegionChoices(MultiCategoricalDistribution):
    """One choice a region, its logits from one layer that all regions share."""

    def proba_distribution_net(self, latent_dim: int) -> torch.nn.Module:
        """The layer for codes of a width."""
        return RegionHead(latent_dim, self.action_dims[0])


class RegionExtractor(torch.nn.Module):
    """Codes of regions, and of all of them together.

    Attributes:
        latent_dim_pi: Width of a region's code for the actor.
        latent_dim_vf: Width of the code for the critic.
    """

    def __init__(self, width: int, net_arch: Sequence[int], activation: Activation) -> None:
        """`width` numbers are observed of a region; `net_arch` sizes the encoder, its last either head's one layer."""
        super().__init__()
        code = net_arch[-1]
        self.latent_dim_pi = self.latent_dim_vf = code
        self._width = width
        self.encoder = _perceptron((N_CLOCK + width, *net_arch), activation)
        self.policy_net = _perceptron((3 * code, code), activation)
        self.value_net = _perceptron((2 * code, code), activation)

    def forward(self, observed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Actor's codes (B, R, latent_dim_pi) and the critic's (B, latent_dim_vf) of observations (B, size)."""
        own = self._codes(observed)
        context = _pooled(own)
        return self._actor(own, context), self.value_net(context)

    def forward_actor(self, observed: torch.Tensor) -> torch.Tensor:
        """The actor's codes alone."""
        own = self._codes(observed)
        return self._actor(own, _pooled(own))

    def forward_critic(self, observed: torch.Tensor) -> torch.Tensor:
        """The critic's code alone."""
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
        # what regions have in common is multiplied once, not once a region
        ours, common = head.weight.split([own.shape[2], context.shape[1]], dim=1)
        codes: torch.Tensor = activate(
            functional.linear(own, ours) + functional.linear(context, common, head.bias)[:, None]
        )
        return codes


class RegionsPolicy(ModesPolicy):
    """Permuting regions permutes their modes and leaves the value.

    Raises:
        ConfigError: the observation is not a clock and as many blocks of equal width as there are choices.
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
