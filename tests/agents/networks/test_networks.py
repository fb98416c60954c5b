from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from wattward.agents.networks.modes_policy import ModesPolicy, ReLU
from wattward.configs import ConfigError

OBSERVED = spaces.Box(-9.0, 9.0, (11,), np.float32)


def policy(kind: type[ActorCriticPolicy], activation: type[torch.nn.Module]) -> ActorCriticPolicy:
    torch.manual_seed(0)
    made = kind(OBSERVED, spaces.MultiDiscrete([4, 4, 4]), lambda _: 1e-3, net_arch=[16, 8], activation_fn=activation)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made


@pytest.mark.parametrize(("ours", "theirs"), [(ReLU, torch.nn.ReLU), (torch.nn.Tanh, torch.nn.Tanh)])
def test_the_numbers_are_those_of_the_policy_it_stands_for(
    ours: type[torch.nn.Module], theirs: type[torch.nn.Module]
) -> None:
    pair = policy(ModesPolicy, ours), policy(ActorCriticPolicy, theirs)
    observed = torch.randn(64, 11)
    for greedy in (True, False):
        results = []
        for one in pair:
            torch.manual_seed(1)
            results.append(one(observed, deterministic=greedy))
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    modes = results[0][0]
    for one in pair:
        values, log_probs, entropy = one.evaluate_actions(observed, modes)
        assert entropy is not None
        torch.autograd.backward(values.mean() + (log_probs * torch.linspace(-1, 1, 64)).mean() + 0.1 * entropy.mean())
    for (name, mine), (_, its) in zip(pair[0].named_parameters(), pair[1].named_parameters(), strict=True):
        assert mine.grad is not None and its.grad is not None
        assert torch.equal(mine.grad, its.grad), name


@pytest.mark.parametrize("space", [spaces.Discrete(16), spaces.MultiDiscrete([4, 3])])
def test_other_choices_are_refused(space: spaces.Space[np.int64]) -> None:
    with pytest.raises(ConfigError, match=r"action_space = .*must be MultiDiscrete"):
        ModesPolicy(OBSERVED, space, lambda _: 1e-3)
