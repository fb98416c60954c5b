from __future__ import annotations

import pandas as pd
import pytest

from wattward.configs import ConfigError
from wattward.envs.world.importers.options import Options
from wattward.envs.world.importers.times import to_utc

BERLIN = Options("r", zone="Europe/Berlin")


def texts(*times: str, name: str = "time") -> pd.Series:
    return pd.Series(list(times), name=name, dtype=str)


def hours(times: pd.DatetimeIndex) -> list[str]:
    return times.strftime("%d %H:%M").tolist()


def test_the_hour_that_comes_twice_is_told_apart_by_order() -> None:
    found = to_utc("f", texts(*(f"2024-10-27 {h}:00" for h in ("01", "02", "02", "03"))), BERLIN)
    assert hours(found.utc) == ["26 23:00", "27 00:00", "27 01:00", "27 02:00"]
    assert len(found.notes) == 1 and "2024-10-27 02:00:00 came twice in Europe/Berlin" in found.notes[0]
    quarters = [f"2024-10-27 02:{m}" for m in ("00", "30", "00", "30")]
    assert hours(to_utc("f", texts(*quarters), BERLIN).utc) == ["27 00:00", "27 00:30", "27 01:00", "27 01:30"]


def test_the_hour_that_is_left_out_leaves_no_gap() -> None:
    found = to_utc("f", texts(*(f"2024-03-31 {h}:00" for h in ("01", "03", "04"))), BERLIN)
    assert hours(found.utc) == ["31 00:00", "31 01:00", "31 02:00"]
    assert found.notes == [] and found.zone == "Europe/Berlin"


def test_an_hour_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match=r"line 3: time = '2024-03-31 02:00': does not exist in Europe/Berlin"):
        to_utc("f", texts("2024-03-31 01:00", "2024-03-31 02:00"), BERLIN)


def test_an_ambiguous_hour_that_stands_once_is_refused_unless_gaps_are_filled() -> None:
    once = texts("2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 03:00")
    with pytest.raises(ConfigError, match=r"line 3: time = '2024-10-27 02:00': came twice.*has it 1 times"):
        to_utc("f", once, BERLIN)
    found = to_utc("f", once, Options("r", zone="Europe/Berlin", fill="interpolate"))
    assert hours(found.utc) == ["26 23:00", "27 00:00", "27 02:00"] and "taken as the first" in found.notes[0]
    with pytest.raises(ConfigError, match="has it 1 times"):
        to_utc("f", once, Options("r", zone="Europe/Berlin", fill="interpolate"), events=True)


def test_events_may_repeat_within_an_hour_that_comes_twice() -> None:
    events = texts("2024-10-27 02:10", "2024-10-27 02:10", "2024-10-27 02:50", "2024-10-27 02:05", "2024-10-27 02:05")
    found = to_utc("f", events, BERLIN, events=True)
    assert hours(found.utc) == ["27 00:10", "27 00:10", "27 00:50", "27 01:05", "27 01:05"]


def test_offsets_in_the_text_need_no_zone() -> None:
    found = to_utc("f", texts("2024-10-27T02:00+02:00", "2024-10-27T02:00+01:00"), Options("r"))
    assert hours(found.utc) == ["27 00:00", "27 01:00"]
    assert hours(to_utc("f", texts("2024-01-01 05:00", name="Datetime (UTC)"), Options("r")).utc) == ["01 05:00"]
    dashed = Options("r", zone="Europe/Berlin", time_format="%H:%M %d-%m-%Y")
    assert hours(to_utc("f", texts("05:00 02-01-2024"), dashed).utc) == ["02 04:00"]
    zoned = Options("r", time_format="%d.%m.%Y %H:%M %z")
    assert hours(to_utc("f", texts("02.01.2024 05:00 +0300"), zoned).utc) == ["02 02:00"]
    german = Options("r", zone="Europe/Berlin", time_format="%d.%m.%Y %H:%M")
    assert hours(to_utc("f", texts("02.01.2024 05:00"), german).utc) == ["02 04:00"]


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        (("2024-01-01 00:00",), Options("r"), "--zone must name its time zone"),
        (("2024-01-01 00:00",), Options("r", zone="Berlin"), "--zone = 'Berlin': must be a time zone"),
        (("2024-01-01T00:00Z", "2024-01-01T01:00"), Options("r"), "line 3: time = .*has no UTC offset"),
        (("2024-01-01 00:00", "soon"), BERLIN, "line 3: time = 'soon': must be a time"),
    ],
)
def test_times_that_cannot_be_used_are_named(given: tuple[str, ...], options: Options, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        to_utc("f", texts(*given), options)
