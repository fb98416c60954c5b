from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import A2C, DQN, PPO

from wattward.agents import load_policy
from wattward.configs import ConfigError


class Blank(gymnasium.Env[np.ndarray, object]):
    """Observes nothing, rewards nothing."""

    def __init__(self, action_space: spaces.Space[object]) -> None:
        self.observation_space, self.action_space = spaces.Box(-1.0, 1.0, (5,), np.float32), action_space


def test_a_zip_is_not_opened_unless_trusted(tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    path.write_bytes(b"never read")
    with pytest.raises(ConfigError, match="pickle runs whatever code") as caught:
        load_policy(path)
    assert "trust_pickle" in str(caught.value)


@pytest.mark.parametrize("maker", [PPO, DQN])
def test_a_trusted_zip_acts_as_its_model(tmp_path: Path, maker: type[PPO] | type[DQN]) -> None:
    space = spaces.Discrete(16) if maker is DQN else spaces.MultiDiscrete([4, 4])
    model = maker("MlpPolicy", Blank(space), device="cpu", seed=0)  # type: ignore[arg-type]
    model.save(tmp_path / "mine")
    policy = load_policy(tmp_path / "mine.zip", trust_pickle=True)
    assert policy.name == "MINE"
    for row in np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32):
        expected = model.predict(row, deterministic=True)[0]
        modes = [int(expected) // 4, int(expected) % 4] if maker is DQN else expected.tolist()
        assert policy._choose(row).tolist() == modes


def test_zips_that_are_no_use_say_why(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("hello", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a zip"):
        load_policy(tmp_path / "text.zip", trust_pickle=True)
    DQN("MlpPolicy", Blank(spaces.Discrete(5)), device="cpu").save(tmp_path / "five")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="power of 4"):
        load_policy(tmp_path / "five.zip", trust_pickle=True)
    with pytest.raises(ConfigError, match="not a zip"):
        load_policy(tmp_path / "absent.zip", trust_pickle=True)


def test_another_algorithm_is_named(tmp_path: Path) -> None:
    A2C("MlpPolicy", Blank(spaces.Discrete(16)), device="cpu").save(tmp_path / "other")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="MultiDiscrete"):
        load_policy(tmp_path / "other.zip", trust_pickle=True)


def test_weights_of_a_zip_are_finite(tmp_path: Path) -> None:
    model = PPO("MlpPolicy", Blank(spaces.MultiDiscrete([4, 4])), device="cpu", seed=0)
    model.policy.action_net.bias.data[0] = np.nan
    model.save(tmp_path / "mine")
    with pytest.raises(ConfigError, match=r"mine\.zip: tensor 'action_net\.bias' holds numbers that are not finite"):
        load_policy(tmp_path / "mine.zip", trust_pickle=True)
