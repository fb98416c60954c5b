"""Suites: what one may say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattward.configs import ConfigError, load_suite, names

GOOD = "name: mine\ntitle: Mine\nscenarios: [toy]\nepisodes: 3\n"


def suite_file(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_shipped_suite_loads() -> None:
    assert "quick" in names("suites")
    for name in names("suites"):
        assert load_suite(name).name == name


def test_quick_asks_what_the_issue_asks() -> None:
    quick = load_suite("quick")
    assert quick.scenarios == ("zhejiang-xinjiang",)
    assert (quick.split, quick.rules) == ("test", "all") and quick.episodes == 32
    assert {entry.method: len(entry.folders) for entry in quick.checkpoints} == {"PPO": 3, "DQN": 3}


def test_a_suite_file_needs_little(tmp_path: Path) -> None:
    suite = load_suite(suite_file(tmp_path, GOOD))
    assert (suite.split, suite.rules, suite.checkpoints, suite.recording) == ("test", "all", (), None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("episode: 4\n", "unknown key 'episode'; did you mean 'episodes'"),
        ("split: tset\n", "split = tset: .*'train', 'validation' or 'test'"),
        ("rules: [Random]\ncheckpoints: [{method: Random, folders: [x]}]\n", "'Random' is listed more than once"),
        ("checkpoints: [{method: PPO, folders: []}]\n", "folders"),
        ("checkpoints: [{method: PPO, folder: [x]}]\n", "folder"),
    ],
)
def test_wrong_suites_name_file_and_key(tmp_path: Path, change: str, message: str) -> None:
    path = suite_file(tmp_path, GOOD + change)
    with pytest.raises(ConfigError, match=message) as error:
        load_suite(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("episodes", ["0", "-1", "many", "1.5"])
def test_episodes_are_a_positive_number(tmp_path: Path, episodes: str) -> None:
    with pytest.raises(ConfigError, match=f"episodes = {episodes}"):
        load_suite(suite_file(tmp_path, GOOD.replace("3", episodes)))


def test_an_unknown_suite_suggests_a_known_one() -> None:
    with pytest.raises(ConfigError, match="unknown suite 'quik'; did you mean quick"):
        load_suite("quik")
