"""The family of scenarios drawn whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.configs import ConfigError, load_scenario
from wattward.configs.generate.members import BLOCK, LARGEST, Member, parse
from wattward.configs.loading import worlds


@settings(max_examples=40, deadline=None)
@given(regions=st.integers(1, 6), number=st.integers(0, LARGEST))
def test_every_member_is_a_valid_scenario_told_by_its_name(regions: int, number: int) -> None:
    scenario = load_scenario(f"random-{regions}x{number}")
    assert scenario.n_regions == regions
    assert parse(scenario.name) == Member(regions, number)
    assert len({region.name for region in scenario.regions}) == regions
    assert not scenario.is_extended
    for region in scenario.regions:
        tariff = scenario.tariffs[region.tariff].price_per_kwh
        assert 0 < tariff["valley"] < tariff["flat"] < tariff["peak"] < tariff["sharp"]
        assert region.interactive.mean_gpus < region.fleet.reserved_for_interactive_gpus < region.fleet.gpus


def test_members_differ_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [load_scenario(f"random-2x{number}").model_dump_json() for number in (0, 1, BLOCK)]
    monkeypatch.setattr(worlds, "_LOADED", {})
    assert first == [load_scenario(f"random-2x{number}").model_dump_json() for number in (0, 1, BLOCK)]
    assert len(set(first)) == 3


@pytest.mark.parametrize("name", ["random-0", "random-17", "random-2x", "random-2x-1", "random-2x007", "random-two"])
def test_names_out_of_form_say_what_is_allowed(name: str) -> None:
    with pytest.raises(ConfigError, match=r"random-REGIONS\[xNUMBER\].*REGIONS from 1 to 16"):
        load_scenario(name)
