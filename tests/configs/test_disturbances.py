"""Disturbances by name and by file, and what is said where they cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from wattward.agents.registry import load_agent
from wattward.configs import ConfigError, load_preset, load_scenario, names
from wattward.configs.loading.reading import HERE, read_yaml
from wattward.configs.schema.scenario import Scenario

OWN = {"kind": "heat_wave", "start_h": 2, "hours": 3, "add_c": 5}


def written(folder: Path, *disturbances: dict[str, Any]) -> Path:
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump({"title": "mine", "source": "made up", "disturbances": list(disturbances)}))
    return path


@pytest.mark.parametrize("name", names("disturbances"))
def test_every_shipped_preset_disturbs_the_main_scenario(name: str) -> None:
    base, disturbed = load_scenario("zhejiang-xinjiang-2024"), load_scenario(f"zhejiang-xinjiang-2024+{name}")
    assert disturbed.name == f"zhejiang-xinjiang-2024+{name}"
    assert disturbed.disturbances == load_preset(name).disturbances
    told = {"name", "title", "source", "tariffs", "disturbances"}
    assert disturbed.model_dump(exclude=told) == base.model_dump(exclude=told)


def test_several_are_joined_in_their_order_and_files_are_named_by_their_stem(tmp_path: Path) -> None:
    scenario = load_scenario(f"toy+price-spike+{written(tmp_path, OWN)}+dark-week")
    assert scenario.name == "toy+price-spike+own+dark-week"
    assert [disturbance.kind for disturbance in scenario.disturbances] == ["price_spike", "heat_wave", "dark_week"]


def test_generated_scenarios_and_scenario_files_are_disturbed_too(tmp_path: Path) -> None:
    assert load_scenario("scale-2x100+demand-surge").disturbances[0].kind == "demand_surge"
    path = tmp_path / "a+b.yaml"
    path.write_text(yaml.safe_dump({**read_yaml(HERE / "scenarios" / "toy.yaml"), "disturbances": [OWN]}))
    assert [disturbance.kind for disturbance in load_scenario(path).disturbances] == ["heat_wave"]


def test_what_is_written_down_of_a_scenario_tells_disturbances_and_nothing_where_there_are_none() -> None:
    assert "disturbances" not in load_scenario("toy").model_dump(mode="json")
    disturbed = load_scenario("toy+heat-wave")
    assert Scenario.model_validate_json(disturbed.model_dump_json()) == disturbed


def test_a_new_tariff_is_read_in() -> None:
    assert "zhejiang-2026" in load_scenario("zhejiang-xinjiang-2024+zhejiang-tariff-2026").tariffs


def test_agents_take_the_settings_of_the_scenario_that_is_disturbed() -> None:
    plain = load_agent("ppo", "zhejiang-xinjiang")
    assert load_agent("ppo", "zhejiang-xinjiang+heat-wave") == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "flood"}, r"own.yaml, disturbances.0: kind = 'flood': must be one of wind_drought, dark_week"),
        ({"add_k": 5}, r"disturbances.0: unknown key 'add_k'; did you mean 'add_c'"),
        ({"add_c": -1}, r"disturbances.0: add_c = -1: Input should be greater than 0"),
        ({"start_h": "soon"}, r"start_h = soon: must be hours into the episode, 0 or more, or 'random'"),
        ({"start_h": -1}, r"start_h = -1: must be hours into the episode, 0 or more, or 'random'"),
        ({"start_h": 24}, r"disturbances.0 \(heat_wave\): start_h 24 must be before the episode's end, 24 h"),
        ({"hours": 0}, r"hours = 0: Input should be greater than 0"),
        ({"regions": "toy-east"}, r"regions = toy-east: must be 'all' or a list of names of regions"),
        ({"regions": ["toy-north"]}, r"region 'toy-north' is not among toy-east, toy-west"),
        ({"kind": "price_spike"}, r"unknown key 'add_c'"),
        ({"kind": "worse_forecasts", "factor": 0.5}, r"factor = 0.5: Input should be greater than or equal to 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = written(tmp_path, OWN | change)
    with pytest.raises(ConfigError, match=message):
        load_scenario(f"toy+{path}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("toy+heatwave", r"unknown disturbance 'heatwave'; did you mean heat-wave\? \(known: dark-calm, dark-week"),
        ("toy+", r"unknown disturbance '' \(known: dark-calm"),
        ("tay+heat-wave", r"unknown scenario 'tay'; did you mean toy"),
        ("toy+nowhere.yaml", r"nowhere.yaml: no such file"),
        ("toy+worse-forecasts", r"forecast.skill is 1, so that forecasts have no error; must be below 1"),
        ("toy+zhejiang-tariff-2026", r"region 'jinshuitan' is not among toy-east, toy-west"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_scenario(name)


def test_a_spike_must_change_a_price_in_hours_of_the_day(tmp_path: Path) -> None:
    spike = {"kind": "price_spike", "start_h": 0}
    with pytest.raises(ConfigError, match="factor or added_price_per_kwh must be given"):
        load_scenario(f"toy+{written(tmp_path, spike)}")
    with pytest.raises(ConfigError, match=r"hours_of_day: \[17, 25\] must be"):
        load_scenario(f"toy+{written(tmp_path, spike | {'factor': 2, 'hours_of_day': [[17, 25]]})}")


@pytest.mark.parametrize("entries", [None, "heat-wave", {"kind": "heat_wave"}])
def test_disturbances_are_a_list(tmp_path: Path, entries: object) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump({"title": "t", "source": "s", "disturbances": entries}))
    with pytest.raises(ConfigError, match=r"wrong.yaml: disturbances = .*: must be a list of \{kind: KIND"):
        load_scenario(f"toy+{path}")
