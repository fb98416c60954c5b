"""Rates and prices of tokens by name, by file and in a scenario, and what is said where they cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from wattward.configs import ConfigError, load_fit, load_scenario, load_serving, load_tokens, names
from wattward.configs.loading.reading import HERE, read_yaml

OWN: dict[str, Any] = {
    "name": "mine",
    "title": "Mine",
    "source": "made up",
    "tokens_per_gpu_h": {"interactive": 1e6},
    "cost_per_mtok": {"peak": 2, "off_peak": 1},
}


def written(folder: Path, data: dict[str, Any]) -> Path:
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", names("tokens"))
def test_every_shipped_file_says_where_it_comes_from(name: str) -> None:
    tokens = load_tokens(name)
    assert tokens.name == name
    assert "Letters" in tokens.source
    assert tokens.rates(("interactive", "training")) == {"interactive": tokens.tokens_per_gpu_h["interactive"]}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"peak_hours": [[9, 12], [11, 14]]}, "hour 11 is named twice"),
        ({"peak_hours": [[14, 9]]}, r"\[14, 9\]: must be \[first hour"),
        ({"peak_weekdays": [0]}, r"peak_weekdays\.0 = 0"),
        ({"tokens_per_gpu_h": {}}, "tokens_per_gpu_h"),
        ({"tokens_per_gpu_h": {"interactive": -1}}, r"tokens_per_gpu_h\.interactive = -1"),
        ({"cost_per_mtok": {"peak": 1}}, r"cost_per_mtok\.off_peak' is missing"),
        ({"peak_hour": [[9, 12]]}, "did you mean 'peak_hours'"),
    ],
)
def test_what_cannot_be_is_refused_by_file_and_key(tmp_path: Path, change: dict[str, Any], wanted: str) -> None:
    path = written(tmp_path, {**OWN, **change})
    with pytest.raises(ConfigError, match=wanted) as refused:
        load_tokens(path)
    assert str(path) in str(refused.value)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean deepseek-flash"):
        load_tokens("deepseek-flush")


@pytest.mark.parametrize("tokens", [OWN, "deepseek-v4-pro"])
def test_a_scenario_may_hold_tokens_or_name_them(tmp_path: Path, tokens: object) -> None:
    data = read_yaml(HERE / "scenarios" / "toy.yaml")
    if isinstance(tokens, str):
        named = {**read_yaml(HERE / "tokens" / f"{tokens}.yaml"), "tokens_per_gpu_h": {"batch": 5.0}}
        tokens = str(written(tmp_path, named))
    path = tmp_path / "scenario.yaml"
    path.write_text(yaml.safe_dump({**data, "tokens": tokens}), encoding="utf-8")
    scenario = load_scenario(path)
    assert scenario.tokens is not None
    assert "tokens" in scenario.model_dump()


def test_a_scenario_refuses_rates_of_work_it_does_not_have(tmp_path: Path) -> None:
    data = read_yaml(HERE / "scenarios" / "toy.yaml")
    path = written(tmp_path, {**data, "tokens": {**OWN, "tokens_per_gpu_h": {"bach": 1.0}}})
    with pytest.raises(ConfigError, match=r"tokens_per_gpu_h\.bach: must be one of interactive, batch"):
        load_scenario(path)


@pytest.mark.parametrize("name", names("scenarios"))
def test_scenarios_without_tokens_are_written_down_without_them(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.tokens is None
    assert "tokens" not in scenario.model_dump()


def test_fits_are_found_by_name(tmp_path: Path) -> None:
    assert load_fit("qwen3-8b-x1").model == "Qwen/Qwen3-8B"
    with pytest.raises(ConfigError, match="fit 'qwen': must be one of qwen3-14b-x1"):
        load_fit("qwen")
    data = read_yaml(HERE / "serving" / "mlenergy-h100.yaml")
    data["fits"]["qwen3-8b-x1"]["best_tok_per_s_per_gpu"] = 20000.0
    with pytest.raises(ConfigError, match="20000 must be below most_tok_per_s_per_gpu 10021"):
        load_serving(written(tmp_path, data))
