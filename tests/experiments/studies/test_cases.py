"""The page of published cases."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from wattward.experiments.cli.main import app
from wattward.experiments.studies.cases import claims as published
from wattward.experiments.studies.cases import readings
from wattward.experiments.studies.cases.claims import measured
from wattward.experiments.studies.cases.page import Line, page

pytestmark = pytest.mark.slow


def number(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    assert found is not None, f"{pattern} in {text}"
    return float(found[1].replace(",", ""))


@pytest.fixture(scope="module")
def lines() -> dict[str, dict[str, Line]]:
    return {title: {line.what: line for line in found} for title, found in measured(1).items()}


def test_every_case_has_lines_with_all_four_parts(lines: dict[str, dict[str, Line]]) -> None:
    assert set(lines) == set(published.CASES)
    for found in lines.values():
        assert found
        assert all(all(line) for line in found.values())


def test_the_tank_makes_cooling_cheaper(lines: dict[str, dict[str, Line]]) -> None:
    found = lines["Chilled water at Pinghu"]
    assert -80 < number(found["cooling cost with the tank"].ours, r"([+-]?\d+)%") < -10
    assert number(found["saved in a year"].ours, r"([\d.]+) million") > 1.0
    assert number(found["cooling's share of consumption"].ours, r"([\d.]+)%") > 10.0


def test_lingangs_power_falls_within_one_step_of_the_notice(lines: dict[str, dict[str, Line]]) -> None:
    ours = lines["Shanghai, three minutes"]["local power after a request"].ours
    assert number(ours, r", ([+-]\d+)% one step") <= -75


def test_immersion_cools_with_less_than_air(lines: dict[str, dict[str, Line]]) -> None:
    immersion, air = re.findall(r"1\.\d+", lines["Qingyang"]["PUE, immersion against air"].ours)
    assert float(immersion) < 1.1 < float(air)


def test_the_page_is_written_with_its_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    title = "Jinshuitan, interactive load stays local"
    monkeypatch.setattr(published, "CASES", {title: published.CASES[title]})
    out, facts = tmp_path / "docs" / "cases.md", tmp_path / "cases.json"
    result = CliRunner().invoke(app, ["study", "cases", "--episodes", "1", "--out", str(out), "--json", str(facts)])
    assert result.exit_code == 0, result.output
    rows = json.loads(facts.read_text(encoding="utf-8"))
    assert out.read_text(encoding="utf-8") == page(measured(1), rows["readings"], 1)
    assert len(rows["readings"]) == len(readings.READINGS) * 2 * 3
    table = [line for line in out.read_text(encoding="utf-8").splitlines() if readings.ARRIVAL in line and "|" in line]
    assert all(line.count(" – |") == 2 for line in table if line.startswith("| energy"))
    assert rows["episodes"] == 1
    assert {row["case"] for row in rows["rows"]} == {title}


def test_a_reading_is_one_minus_the_ratio_of_prices() -> None:
    two = np.array([10.0, 20.0])
    ours = readings.Spent(*[two for _ in readings.Spent._fields])
    compared = ours._replace(total_cost=2 * two, coast_work_cost=4 * two, work_gpu_h=2 * two)
    whole, per_token = readings.READINGS[0], readings.READINGS[6]
    assert readings.saving(whole, ours, compared)["saving"] == pytest.approx(0.5)
    assert readings.saving(per_token, ours, compared)["saving"] == pytest.approx(1.0 - 1.0 / 2.0)


def test_the_coast_alone_is_the_dearest_way_to_do_the_work() -> None:
    spent = readings.play("zhejiang-xinjiang-2024", "RunOnArrival", 1)
    assert spent.coast_work_cost[0] > spent.work_cost[0] > spent.deferrable_cost[0] > 0.0
    assert spent.total_cost[0] > spent.bill_cost[0] > spent.energy_cost[0] > 0.0
