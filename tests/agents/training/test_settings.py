from __future__ import annotations

from pathlib import Path

import pytest

from wattward.agents.registry import algorithm_of, load_agent
from wattward.configs import ConfigError, names

GOOD = """
default:
  {algorithm: ppo, total_steps: 100, num_envs: 2, gamma: 0.9, learning_rate: 0.001,
   batch_size: 4, max_grad_norm: 1, n_epochs: 1}
toy: {gamma: 0.5}
"""


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("agent", names("agents"))
@pytest.mark.parametrize("scenario", [*names("scenarios"), "made-up"])
def test_every_shipped_agent_has_settings_for_every_scenario(agent: str, scenario: str) -> None:
    settings = load_agent(agent, scenario)
    assert type(settings) is algorithm_of(settings).settings
    assert settings.total_steps >= settings.num_envs


def test_a_scenarios_entry_lies_over_the_default(tmp_path: Path) -> None:
    path = settings_file(tmp_path, GOOD)
    assert load_agent(path, "toy").gamma == 0.5
    assert load_agent(path, "zhejiang-xinjiang").gamma == 0.9
    assert load_agent(path, "toy").learning_rate == 0.001


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("gamma: 0.5", "gama: 0.5"), ["mine.yaml", "toy", "'gama'", "did you mean 'gamma'"]),
        (("gamma: 0.5", "gamma: 1.5"), ["mine.yaml", "gamma = 1.5", "less than or equal to 1"]),
        (("toy:", "toi:"), ["mine.yaml", "unknown scenario 'toi'", "did you mean 'toy'"]),
        (("default:", "defaults:"), ["mine.yaml", "'default' is missing"]),
        (
            ("algorithm: ppo", "algorithm: pop"),
            ["mine.yaml", "algorithm = 'pop'", "dqn, maskable-ppo, ppo, ppo-jobs, qrdqn"],
        ),
        (("algorithm: ppo", "algorithm: [ppo]"), ["mine.yaml", "algorithm = ['ppo']", "must be one of dqn"]),
        (("{gamma: 0.5}", "3"), ["mine.yaml", "toy = 3", "mapping"]),
        (("gamma: 0.5", "learning_rate_end: 1.0"), ["mine.yaml", "learning_rate_end 1.0 exceeds"]),
        (("gamma: 0.5", "buffer_size: 10"), ["mine.yaml", "unknown key 'buffer_size'"]),
    ],
)
def test_a_wrong_file_is_one_clear_error(tmp_path: Path, change: tuple[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_agent(settings_file(tmp_path, GOOD.replace(*change)), "toy")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_unknown_agent_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean ppo"):
        load_agent("pppo", "toy")
