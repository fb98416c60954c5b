"""Rules by name, learned policies by folder, and what is neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattward import baselines
from wattward.configs import ConfigError
from wattward.experiments.evaluation.methods import checkpoint, method


def test_every_rule_may_enter() -> None:
    for name in baselines.names():
        who = method(name)
        assert (who.name, who.learned, who.train_seed) == (name, False, None)
        assert who.policy().name == name


@pytest.mark.parametrize("text", ["peakofset", "Peak Offset", "PEAKOFFSET"])
def test_a_near_miss_is_pointed_at_the_rule(text: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown policy '{text}'; did you mean PeakOffset.*known: RunOnArrival"):
        method(text)


def test_a_path_that_is_not_there_is_called_a_path() -> None:
    with pytest.raises(ConfigError, match="runs/none: no such checkpoint folder"):
        method("runs/none")
    with pytest.raises(ConfigError, match=r"checkpoints\.DQN: folder 'zoo/none' does not exist"):
        checkpoint("DQN", "zoo/none")


def test_a_folder_that_is_no_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"checkpoint\.json"):
        method(str(tmp_path))


def test_a_foreign_archive_needs_the_flag(tmp_path: Path) -> None:
    archive = tmp_path / "agent.zip"
    archive.write_bytes(b"not a zip")
    with pytest.raises(ConfigError, match="pickle"):
        method(str(archive))
