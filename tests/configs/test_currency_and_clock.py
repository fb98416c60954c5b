"""A scenario's currency and time zone: what is allowed, and what is written down."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from wattward.configs import load_scenario
from wattward.configs.schema.scenario import Scenario


def toy(**changes: Any) -> Scenario:
    """The toy scenario with other values of some keys."""
    return Scenario.model_validate({**load_scenario("toy").model_dump(), **changes})


def test_defaults_are_not_written_down() -> None:
    plain = load_scenario("toy")
    assert (plain.currency, plain.timezone, plain.utc_offset_minutes) == ("CNY", "Asia/Shanghai", 480)
    assert not {"currency", "timezone"} & plain.model_dump().keys()
    told = toy(currency="EUR", timezone="America/Phoenix").model_dump()
    assert (told["currency"], told["timezone"]) == ("EUR", "America/Phoenix")


@pytest.mark.parametrize(
    ("zone", "minutes"), [("UTC", 0), ("Etc/GMT-8", 480), ("Etc/GMT+6", -360), ("Asia/Kolkata", 330)]
)
def test_a_clock_has_one_offset(zone: str, minutes: int) -> None:
    assert toy(timezone=zone).utc_offset_minutes == minutes


@pytest.mark.parametrize(
    ("zone", "remedy"), [("Europe/Berlin", "such as Etc/GMT-1 "), ("America/Chicago", "such as Etc/GMT[+]6 ")]
)
def test_daylight_saving_is_refused_with_a_remedy(zone: str, remedy: str) -> None:
    with pytest.raises(ValidationError, match=f"timezone '{zone}' changes its offset in .* {remedy}"):
        toy(timezone=zone)


@pytest.mark.parametrize("zone", ["Beijing", "../etc/passwd", ""])
def test_unknown_zones_are_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="must be an IANA name such as Asia/Shanghai"):
        toy(timezone=zone)


@pytest.mark.parametrize("code", ["yuan", "usd", "XXY", ""])
def test_unknown_currencies_are_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="must be an ISO 4217 code such as CNY, EUR or USD"):
        toy(currency=code)
