"""A published case beside the simulator's own numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattward.configs import ConfigError, load_scenario, names
from wattward.experiments.common.records import Record
from wattward.experiments.studies.cases import peak_offset as case
from wattward.experiments.studies.cases.peak_offset import Case

TOYS = Case(title="Toys", scenarios={"2024": "toy"}, methods=("PeakOffset", "RunOnArrival"), published="nothing")


def record(method: str, episode: int, *, energy_cost: float, restart_gpu_h: float = 0.0) -> Record:
    return {
        "method": method,
        "train_seed": None,
        "learned": 0,
        "scenario": "toy",
        "recorded": 0,
        "episode": episode,
        "score": 0.1 * episode,
        "total_cost": energy_cost + 5.0,
        "run_on_arrival_cost": 105.0,
        "bound_cost": 50.0,
        "energy_cost": energy_cost,
        "demand_cost": 0.0,
        "utilisation": 0.5,
        "restart_gpu_h": restart_gpu_h,
        "late_gpu_h": 0.0,
        "dropped_gpu_h": 0.0,
        "green_share": 0.0,
        "in_band": 0.7,
        "decision_us": 1.0,
    }


def test_shipped_cases_name_shipped_things() -> None:
    for it in case.CASES.values():
        assert set(it.scenarios.values()) <= set(names("scenarios"))
        assert "RunOnArrival" in it.methods
    with pytest.raises(ConfigError, match=r"unknown case 'qingyang' \(known: zhejiang-xinjiang\)"):
        case.case("qingyang")


def test_energy_is_counted_for_each_useful_gpu_h() -> None:
    toy = load_scenario("toy")
    gpu_h = 0.5 * sum(region.fleet.gpus for region in toy.regions) * toy.n_steps * toy.step_h
    half_wasted = [record("PeakOffset", k, energy_cost=100.0, restart_gpu_h=gpu_h / 2) for k in range(2)]
    rows = case.compare(TOYS, [*half_wasted, *(record("RunOnArrival", k, energy_cost=100.0) for k in range(2))])
    ours, floor = rows
    assert [row["method"] for row in rows] == ["PeakOffset", "RunOnArrival"]
    assert floor["energy_cost_per_gpu_h"] == pytest.approx(100.0 / gpu_h)
    assert floor["energy_saving"] == 0.0
    assert ours["energy_saving"] == pytest.approx(-1.0)
    assert ours["saving"] == pytest.approx(0.0)
    assert (ours["tariff"], ours["world"], ours["in_band"]) == ("2024", "drawn", pytest.approx(0.7))


def test_a_case_runs_and_is_written_whole(tmp_path: Path) -> None:
    rows = case.run_case(TOYS, 2, None, tmp_path / "cache", jobs=1, progress=False)
    assert [(row["method"], row["episodes"]) for row in rows] == [("PeakOffset", 2), ("RunOnArrival", 2)]
    as_json, as_markdown = case.publish_case("zhejiang-xinjiang", rows, tmp_path / "out")
    kept = json.loads(as_json.read_text(encoding="utf-8"))
    assert kept["published"].startswith("electricity cost per token -18 %")
    assert [row["method"] for row in kept["rows"]] == ["PeakOffset", "RunOnArrival"]
    assert "| 2024 | drawn | PeakOffset |" in as_markdown.read_text(encoding="utf-8")
