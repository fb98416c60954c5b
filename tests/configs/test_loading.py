"""Every shipped file loads; every wrong one ends in a message that names file, key, value and what is allowed."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wattward.agents.registry import algorithms, load_agent
from wattward.configs import ConfigError, load_region, load_scenario, load_suite, load_tariff, names
from wattward.configs.loading.reading import HERE, check, find, read_yaml
from wattward.configs.loading.worlds import load_grid_price
from wattward.configs.schema.region import Region
from wattward.configs.schema.scenario import Scenario
from wattward.configs.schema.tariff import Tariff

TARIFF = read_yaml(HERE / "tariffs" / "toy-east.yaml")
REGION = read_yaml(HERE / "regions" / "toy-east.yaml")
SCENARIO = load_scenario("toy").model_dump()
DELETE = object()


def changed(data: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    """A copy of `data` with the value under a dotted key replaced, or deleted."""
    whole = copy.deepcopy(data)
    *path, last = key.split(".")
    inner: Any = whole
    for part in path:
        inner = inner[int(part)] if isinstance(inner, list | tuple) else inner[part]
    if value is DELETE:
        del inner[last]
    else:
        inner[last] = value
    return whole


@pytest.mark.parametrize("kind", ["tariffs", "regions", "scenarios", "suites"])
def test_every_shipped_file_loads_under_its_own_name(kind: str) -> None:
    loaders = {"tariffs": load_grid_price, "regions": load_region, "scenarios": load_scenario, "suites": load_suite}
    load: Any = loaders[kind]
    assert names(kind)
    for name in names(kind):
        assert load(name).name == name
        assert load(find(kind, name)).name == name


def test_every_agent_loads_for_every_scenario() -> None:
    assert {"dqn", "ppo"} <= set(names("agents"))
    for agent in names("agents"):
        known = [name for name in algorithms() if agent == name or agent.startswith(f"{name}-")]
        for scenario in names("scenarios"):
            assert load_agent(agent, scenario).algorithm in known, "an agent's file is named after its algorithm"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("prices", {}, "unknown key 'prices'; did you mean 'price_per_kwh'|unknown key 'prices'; allowed: "),
        ("seasons.0.hours_by_band.day", [[8, 17], [18, 24]], "hour 17 is in 0 bands, must be in one"),
        ("seasons.0.hours_by_band.day", [[7, 24]], "hour 7 is in 2 bands, must be in one"),
        ("seasons.0.hours_by_band.dya", [[8, 9]], "band 'dya' has no price; priced bands are"),
        ("seasons.0.months", [1, 2, 3], "must cover each month 1-12 exactly once"),
        ("seasons.0.months", [1, 13], "seasons.0.months.1 = 13"),
        (
            "demand_charge_per_kw_month",
            -1.0,
            "demand_charge_per_kw_month = -1.0: .*greater than or equal to 0",
        ),
        ("price_per_kwh.day", float("nan"), "price_per_kwh.day = nan: .*finite"),
        ("price_per_kwh.day", "cheap", "price_per_kwh.day = cheap: .*number"),
        ("document", DELETE, "key 'document' is missing"),
    ],
)
def test_wrong_tariffs(key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^mine.yaml: .*({message})"):
        check(Tariff, changed(TARIFF, key, value), Path("mine.yaml"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sun.capacity_kw", -3.0, "sun.capacity_kw = -3.0: .*greater than or equal to 0"),
        ("fleet.gpu", 3, "unknown key 'fleet.gpu'; did you mean 'gpus'"),
        ("fleet.gpu_idle_kw", 0.9, r"gpu_busy_kw 0\.5 must be at least gpu_idle_kw 0\.9"),
        ("fleet.reserved_for_interactive_gpus", 601, "reserved_for_interactive_gpus 601.* exceeds gpus 600"),
        ("cooling.kind", "ice", "cooling.kind = ice: .*'gravity_water', 'immersion' or 'air'"),
        ("cooling.pue_base", 0.9, "cooling.pue_base = 0.9: .*greater than or equal to 1"),
        ("site.latitude_deg", 91, "site.latitude_deg = 91: .*less than or equal to 90"),
        ("interactive.shape_by_hour", [1.0] * 23, "interactive.shape_by_hour .*24"),
        ("river.share_by_month", [0.1] * 11, "river.share_by_month .*12"),
        ("network", DELETE, "key 'network' is missing"),
    ],
)
def test_wrong_regions(key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^mine.yaml: .*{message}"):
        check(Region, changed(REGION, key, value), Path("mine.yaml"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("step_minuts", 15, "unknown key 'step_minuts'; did you mean 'step_minutes'"),
        ("step_minutes", 7, "step_minutes 7 must divide 60"),
        ("step_minutes", 0, "step_minutes = 0: .*greater than 0"),
        ("episode_days", -1, "episode_days = -1: .*greater than 0"),
        ("forecast.skill", 1.5, "forecast.skill = 1.5: .*less than or equal to 1"),
        ("forecast.skil", 1.0, "unknown key 'forecast.skil'; did you mean 'skill'"),
        ("contracts.drop_cost_per_gpu_h", -1, "contracts.drop_cost_per_gpu_h = -1"),
        ("job_classes.0.jobs_per_day", (1.0,), "jobs_per_day has 1 rates, must have one for each of the 2 regions"),
        ("job_classes.0.preemptible", False, "malleable class must have preemptible: true"),
        ("job_classes.0.gpus.median", 0, "job_classes.0.gpus.median = 0: .*greater than 0"),
        ("tariffs.toy-east", DELETE, "toy-east.tariff 'toy-east' is not among"),
    ],
)
def test_wrong_scenarios(key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^mine.yaml: .*{message}"):
        check(Scenario, changed(SCENARIO, key, value), Path("mine.yaml"))


BATTERY = {"kind": "battery", "capacity_kwh": 2.0, "charge_kw": 1.0, "discharge_kw": 1.0}


@pytest.mark.parametrize(
    ("stores", "message"),
    [
        ({"kind": "battery"}, "stores = {'kind': 'battery'}: .*valid tuple"),
        ([3], r"stores.0 = 3: "),
        ([BATTERY | {"kind": "flywheel"}], "stores.0.kind = flywheel: must be one of battery, chilled_water, ups"),
        ([{"capacity_kwh": 2.0}], "stores.0.kind is missing; must be one of battery, chilled_water, ups"),
        ([BATTERY, BATTERY | {"charge_kw": 0}], "stores.1.battery.charge_kw = 0: .*greater than 0"),
        ([BATTERY | {"cop": 4}], "unknown key 'stores.0.battery.cop'; allowed: .*wear_cost_per_kwh"),
        ([BATTERY | {"kind": "ups"}], "key 'stores.0.ups.reserve_kwh' is missing"),
        ([BATTERY | {"kind": "ups", "reserve": 1}], "unknown key 'stores.0.ups.reserve'; did you mean 'reserve_kwh'"),
        ([BATTERY | {"kind": "ups", "reserve_kwh": 3}], "reserve_kwh 3 must be at most capacity_kwh 2"),
    ],
)
def test_wrong_stores(stores: object, message: str) -> None:
    with pytest.raises(ConfigError, match=f"mine.yaml: .*{message}"):
        check(Region, {**REGION, "stores": stores}, Path("mine.yaml"))


@pytest.mark.parametrize(("key", "kind"), [("battery", "battery"), ("tank", "chilled_water")])
def test_an_old_store_key_says_what_to_write_instead(key: str, kind: str) -> None:
    with pytest.raises(ConfigError, match=rf"unknown key '{key}'; write it as an entry of stores: \[{{kind: {kind}"):
        check(Region, {**REGION, key: {"capacity_kwh": 2.0}}, Path("mine.yaml"))


@pytest.mark.parametrize("name", ["jinshuitan-microgrid", "shanghai-ups"])
def test_stores_are_written_down_as_they_are_read(name: str) -> None:
    scenario = load_scenario(name)
    assert Scenario.model_validate(scenario.model_dump(mode="json")) == scenario
    assert scenario.regions[0].stores


def test_every_problem_of_a_file_is_named_at_once() -> None:
    wrong = changed(changed(REGION, "sun.capacity_kw", -1), "air.mean", 3)
    with pytest.raises(ConfigError) as error:
        check(Region, wrong, Path("mine.yaml"))
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert any("sun.capacity_kw = -1" in line for line in lines)
    assert any("air.mean" in line and "did you mean" in line for line in lines)


def test_an_override_changes_a_region_and_is_checked_like_one() -> None:
    assert load_region("toy-east", {"sun": {"capacity_kw": 7}}).sun.capacity_kw == 7
    with pytest.raises(ConfigError, match=r"toy-east\.yaml: sun\.capacity_kw = -7"):
        load_region("toy-east", {"sun": {"capacity_kw": -7}})


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "a: [1, 2", "\t: x"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yaml: (not readable as YAML|must hold a mapping)"):
        load_scenario(path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"mine\.yaml: not readable as YAML"):
        load_tariff(path)


@pytest.mark.parametrize(
    "regions", ["toy-east", {"region": "toy-east"}, [{"region": "toy-aest"}], [{"regoin": "toy-east"}], [3]]
)
def test_regions_of_a_scenario_are_a_list_of_known_ones(tmp_path: Path, regions: object) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"regions": regions}), encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"regions = |unknown region 'toy-aest'; did you mean|unknown key 'regoin'|region = 3"
    ):
        load_scenario(path)


def test_a_spoilt_copy_of_the_main_scenario_names_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "copy.yaml"
    shutil.copy(find("scenarios", "zhejiang-xinjiang"), path)
    assert load_scenario(path).name == "zhejiang-xinjiang"
    spoilt = tmp_path / "spoilt.yaml"
    spoilt.write_text(path.read_text(encoding="utf-8").replace("episode_days:", "episode_dais:"), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_scenario(spoilt)
    assert f"{spoilt}: unknown key 'episode_dais'; did you mean 'episode_days'?" in str(error.value)


@given(st.sampled_from(["tariffs", "regions", "scenarios", "suites", "agents"]), st.text(max_size=20))
def test_no_name_makes_anything_but_a_file_or_a_clear_error(kind: str, name: str) -> None:
    try:
        assert find(kind, name).is_file()
    except ConfigError as error:
        assert repr(name) in str(error) or name in str(error)
