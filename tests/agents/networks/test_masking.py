from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sb3_contrib.common.maskable.distributions import MaskableMultiCategoricalDistribution

from wattward.agents.networks.masking import allowed_modes
from wattward.agents.training import learners
from wattward.configs import ConfigError, load_agent, load_scenario
from wattward.envs.checks.balances import random_params, random_world
from wattward.envs.decisions.action import Mode, offers_of_modes
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.layout import N_CLOCK, N_PRESENT, N_SLACK
from wattward.envs.model.types import Flows
from wattward.envs.simulator.simulator import Simulator

N_STEPS = 32


def equivalent(modes: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The modes, each masked one replaced by the one it equals."""
    same = modes.copy()
    for r, mode in enumerate(modes):
        if not allowed[r, mode]:
            same[r] = Mode.RUN if mode == Mode.PULL and allowed[r, Mode.RUN] else Mode.HOLD
    return same


def with_dark_forecast(observation: NDArray[np.float32], n_regions: int) -> NDArray[np.float32]:
    """What is observed where one block of forecasts says that no surplus is to come: as much is masked as can be."""
    rows = observation[N_CLOCK:].reshape(n_regions, -1)
    rows = np.concatenate([rows, np.zeros((n_regions, 3), np.float32)], axis=1)
    return np.concatenate([observation[:N_CLOCK], rows.ravel()])


def after(simulator: Simulator, modes: NDArray[np.int64]) -> tuple[Flows, NDArray[np.float32]]:
    flows = simulator.step(offers_of_modes(modes[None]))
    simulator.observe(0)
    return Flows(*(field.copy() for field in flows)), simulator.fleet.observations[0].copy()


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_regions=st.integers(1, 7), n_jobs=st.integers(0, 60))
def test_a_masked_mode_does_what_an_allowed_one_does(seed: int, n_regions: int, n_jobs: int) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, N_STEPS)
    simulator = Simulator(params)
    simulator.load(0, random_world(rng, params, n_jobs))
    for _ in range(N_STEPS):
        simulator.observe(0)
        allowed = allowed_modes(with_dark_forecast(simulator.fleet.observations[0], n_regions), n_regions)
        modes = rng.integers(0, len(Mode), n_regions)
        same = equivalent(modes, allowed)
        assert allowed[:, Mode.HOLD].all() and np.take_along_axis(allowed, same[:, None], axis=1).all()
        before = simulator.save()
        flows, observation = after(simulator, modes)
        simulator.restore(before)
        flows_of_same, observation_of_same = after(simulator, same)
        for ours, theirs in zip(flows, flows_of_same, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(observation, observation_of_same)


@pytest.mark.parametrize(("n_regions", "pulls"), [(2, False), (4, False), (5, True)])
def test_who_pulls_for_nothing_takes_no_place_of_another(n_regions: int, pulls: bool) -> None:
    rows = np.zeros((n_regions, N_PRESENT + N_SLACK + 3), np.float32)
    rows[0, N_PRESENT] = 1.0
    allowed = allowed_modes(np.concatenate([np.zeros(N_CLOCK, np.float32), rows.ravel()]), n_regions)
    assert allowed[0, Mode.RUN] and allowed[0, Mode.PULL] == pulls
    assert not allowed[1:, Mode.RUN].any() and allowed[1:, Mode.PULL].all()


def test_modes_that_matter_are_not_masked() -> None:
    env = ClusterEnv("zhejiang-xinjiang", split="validation")
    env.reset(options={"split": "validation", "episode": 0})
    seen, surplus = [], []
    ended = False
    while not ended:
        outlook = env.outlook()
        seen.append(allowed_modes(outlook.observation, 2))
        surplus.append(env.fields["surplus"][:, 0] > 0)
        _, _, ended, _, _ = env.step(np.full(2, Mode.HOLD))
    allowed, has_surplus = np.array(seen), np.array(surplus)
    assert allowed[96:, :, [Mode.RUN, Mode.PULL]].all(), "held work waits everywhere"
    assert allowed[96:, :, Mode.SOAK][has_surplus[96:]].all() and has_surplus.any()
    assert not allowed[:, 0, Mode.SOAK].any(), "no plant of Jinshuitan's ever covers its idle fleet"
    assert 0.0 < allowed[:, 1, Mode.SOAK].mean() < 0.6


def test_masked_probabilities_are_those_of_sb3_contrib() -> None:
    scenario, masked = load_scenario("toy"), load_agent("maskable-ppo", "toy")
    env = learners.make_env(scenario, masked, 0)
    policy = learners.make_model(masked, env, 0, episode_steps=scenario.n_steps).policy
    observations = np.concatenate(
        [np.asarray(env.reset()), *(np.asarray(env.step(np.full((16, 2), Mode.PULL))[0]) for _ in range(20))]
    )
    allowed = allowed_modes(observations, 2)
    assert 0 < allowed.sum() < allowed.size
    modes = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (len(observations), 2)))
    modes = torch.where(torch.from_numpy(np.take_along_axis(allowed, modes.numpy()[..., None], 2)[..., 0]), modes, 0)
    with torch.no_grad():
        tensor = torch.from_numpy(observations)
        _, log_probs, entropy = policy.evaluate_actions(tensor, modes)
        reference = MaskableMultiCategoricalDistribution([4, 4])
        reference.proba_distribution(policy.action_net(policy.mlp_extractor(tensor)[0]))
        reference.apply_masking(allowed.reshape(len(observations), -1))
        np.testing.assert_allclose(log_probs, reference.log_prob(modes), atol=1e-5)
        np.testing.assert_allclose(entropy, reference.entropy(), atol=1e-5)
        drawn = policy.forward(tensor)[0].numpy()
    assert np.take_along_axis(allowed, drawn[..., None], axis=2).all()


def test_worlds_without_a_known_mask_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"maskable-ppo.*'qingyang-direct'.*use 'ppo'"):
        learners.make_env(load_scenario("qingyang-direct"), load_agent("maskable-ppo", "qingyang-direct"), 0)
