"""Configurations are shared, and nobody who reads one changes it for others."""

from __future__ import annotations

import copy
import pickle

import pytest

from wattward.configs import load_scenario
from wattward.configs.schema.scenario import Scenario


def test_mappings_of_a_configuration_cannot_be_changed() -> None:
    tariffs = load_scenario("toy").tariffs
    name = next(iter(tariffs))
    for change in (
        lambda: tariffs.pop(name),
        lambda: tariffs.update({}),
        lambda: tariffs.clear(),
        lambda: tariffs.setdefault(name, tariffs[name]),
        lambda: tariffs.__setitem__(name, tariffs[name]),
        lambda: tariffs.__delitem__(name),
    ):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    mine = dict(tariffs)
    mine.pop(name)
    assert name in tariffs


def test_a_frozen_configuration_is_copied_pickled_and_written_as_before() -> None:
    scenario = load_scenario("toy")
    for again in (
        copy.deepcopy(scenario),
        pickle.loads(pickle.dumps(scenario)),
        Scenario.model_validate_json(scenario.model_dump_json()),
        Scenario.model_validate(scenario.model_dump()),
    ):
        assert again == scenario and again.model_dump_json() == scenario.model_dump_json()
    assert type(scenario.model_dump()["tariffs"]) is dict
