"""A recorded year: cut, played side by side as alone, checked, summed up."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattward import baselines
from wattward.configs import ConfigError, load_scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.episode import play_episode
from wattward.envs.world.draw import draw
from wattward.envs.world.importers import store
from wattward.envs.world.importers.options import Imported, Measured
from wattward.envs.world.recording import load_recording
from wattward.envs.world.splits import episode_seed
from wattward.envs.world.tidy import PRICE
from wattward.experiments.studies.year import play as year_play
from wattward.experiments.studies.year import year

HOURS = pd.date_range("2023-01-01", periods=8760, freq="h", tz="Asia/Shanghai").tz_convert("UTC")


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A year of prices for the toy, negative from four to six every morning."""
    hour = np.arange(8760) % 24
    values = np.where((hour >= 4) & (hour < 6), -0.1, 0.5 + 0.01 * hour)
    for region in ("toy-east", "toy-west"):
        facts = {"kind": "prices", "region": region, "gaps": [], "fill": None}
        store.add(tmp_path / "prices", Imported(region, [Measured(PRICE, "CNY/kWh", HOURS, values)], facts))
    return tmp_path / "prices"


@given(st.integers(1971, 2199), st.integers(1, 60))
def test_the_parts_of_a_year_are_all_its_days(number: int, weeks: int) -> None:
    parts = year.parts_of(number, weeks)
    days = [start + timedelta(days=i) for part in parts for start in part.starts for i in range(part.days)]
    assert days == [date(number, 1, 1) + timedelta(days=i) for i in range(365 + calendar.isleap(number))]
    numbers = [part.first_number + i for part in parts for i in range(part.episodes)]
    assert numbers == list(range(53))


def test_weeks_of_a_year_are_those_that_the_environment_plays(prices: Path) -> None:
    scenario = load_scenario("toy")
    recording = load_recording(prices, scenario)
    starts = [date(2023, 3, 1), date(2023, 3, 3)]
    records = year_play.play("CheapestNow", year_play.episodes_of(scenario, recording, starts, 2, 5))
    for number, start, record in zip((5, 6), starts, records, strict=True):
        own = scenario.model_copy(update={"episode_days": 2, "calendar_year": 2023, "start": start.isoformat()})
        env = ClusterEnv(own, recording=recording)
        env.start(draw(own, episode_seed("test", number), recording))
        kpis = played(env)
        assert {name: record[name] for name in ("total_cost", "grid_kwh", "late_gpu_h")} == {
            name: pytest.approx(kpis[name], rel=1e-12) for name in ("total_cost", "grid_kwh", "late_gpu_h")
        }
        assert (record["start"], record["steps"]) == (start.isoformat(), own.n_steps)
        assert record["negative_price_h"] == record["negative_bill_h"] == 2 * 2 * scenario.n_regions
        assert 0 < float(record["negative_price_kwh"] or 0) < float(record["grid_kwh"] or 0)


def played(env: ClusterEnv) -> dict[str, float]:
    policy, ended, info = baselines.make("CheapestNow"), False, dict[str, Any]()
    policy.reset(env.outlook(), np.random.default_rng(0))
    while not ended:
        _, _, ended, _, info = env.step(policy.act(env.outlook()))
    return dict(info["kpis"])


def test_a_broken_balance_names_rule_and_step(prices: Path) -> None:
    scenario = load_scenario("toy")
    own = scenario.model_copy(update={"episode_days": 1, "calendar_year": 2023, "start": "2023-03-01"})
    env, rng = ClusterEnv(own, recording=load_recording(prices, scenario)), np.random.default_rng(0)
    rule = baselines.make("RunOnArrival")
    week = play_episode(rule, env, split="test", episode=0, rng=rng, keep=year_play.KEPT_OF_EPISODE)
    year_play.check_balances(date(2023, 3, 1), env, week)
    env.world.price_per_kwh[:, 3] += 1.0
    with pytest.raises(AssertionError, match=r"(?s)RunOnArrival, from 2023-03-01, step 3: .*energy bill"):
        year_play.check_balances(date(2023, 3, 1), env, week)


def test_a_year_is_summed_kept_and_written(prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = [year.Part(date(2023, 1, 1), 2, 2, 0), year.Part(date(2023, 12, 31), 1, 1, 2)]
    monkeypatch.setattr(year, "parts_of", lambda _: short)
    told = {"jobs": 1, "progress": False}
    rows = year.run_year("toy", str(prices), ["SolarSoak"], tmp_path / "cache", **told)  # type: ignore[arg-type]
    assert [row["rule"] for row in rows] == ["RunOnArrival", "SolarSoak"]
    assert all(row["days"] == 5 and row["episodes"] == 3 for row in rows)
    assert rows[0]["saving"] == 0.0 and rows[1]["saving"] == 1.0 - rows[1]["total_cost"] / rows[0]["total_cost"]
    assert all(row[name] < 1e-9 for row in rows for name in year.LARGEST)
    assert all(0.0 <= row["green_share"] <= 1.0 and row["negative_price_h"] == 20.0 for row in rows)

    def never(*_: object) -> None:
        raise AssertionError("played again")

    monkeypatch.setattr(year_play, "play", never)
    assert year.run_year("toy", str(prices), ["SolarSoak"], tmp_path / "cache", **told) == rows  # type: ignore[arg-type]
    paths = year.publish_year("toy", str(prices), rows, tmp_path / "out")
    text = paths[1].read_text(encoding="utf-8")
    assert "5 days of 2023 in 3 episodes a rule" in text and "Recorded: price_per_kwh" in text
    assert text.count("\n| ") == 2 + len(rows)


def test_what_cannot_be_a_year_is_refused(prices: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown policy 'Solar'"):
        year.run_year("toy", str(prices), ["Solar"], tmp_path)
    with pytest.raises(ConfigError, match="random-3"):
        year.run_year("random-3", str(prices), [], tmp_path)
