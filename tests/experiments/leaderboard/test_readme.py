from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattward.configs import ConfigError
from wattward.experiments.leaderboard.readme import BEGIN, END, results_block, update

ROW = {
    "method": "PPO",
    "scenario": "zhejiang-xinjiang",
    "kind": "learned",
    "score_iqm": 0.654,
    "score_low": 0.6,
    "score_high": 0.7,
    "saving": 0.1,
    "late_gpu_h": 5.0,
    "green_share": 0.3,
    "in_band": 0.1,
    "train_seeds": [0, 1, 2],
    "decision_us": 40.0,
    "episodes": 20,
    "improvement_over_best_rule": 0.9,
    "best_rule": "WaitAwhile",
    "mark": None,
    "reason": None,
}


def results(folder: Path) -> Path:
    for name, content in {
        "quick/leaderboard.json": [ROW],
        "quick/provenance.json": {"worlds": "v7"},
        "cases/zhejiang-xinjiang.json": {
            "published": "-18 %",
            "rows": [{**ROW, "tariff": "2024", "world": "drawn", "energy_saving": 0.04, "utilisation": 0.66}],
        },
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def test_only_the_block_is_rewritten(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# title\n{BEGIN}stale\n{END}\nrest\n")
    update(readme, results(tmp_path / "results"))
    text = readme.read_text()
    assert text.startswith(
        f"# title\n{BEGIN}`wattward leaderboard quick` plays 20 test episodes of `zhejiang-xinjiang` in v7 worlds"
    )
    assert "Worlds: v0. Published: -18 %." in text
    assert "| PPO (3 seeds) | 0.654 | 0.60 to 0.70 | 0.90 | 10.0% | 5 | 30.0% |" in text
    assert "| 2024 | drawn | PPO | 10.0% | 4.0% | 66.0% |" in text
    assert text.endswith(f"{END}\nrest\n")
    assert "stale" not in text


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("no markers\n")
    with pytest.raises(ConfigError, match="must hold <!-- results:begin -->"):
        update(readme, tmp_path)
    readme.write_text(f"{BEGIN}{END}\n")
    with pytest.raises(ConfigError, match=r"leaderboard\.json: no such file; `wattward leaderboard quick` writes it"):
        update(readme, tmp_path)


def test_many_scenarios_stand_one_below_the_other(tmp_path: Path) -> None:
    folder = results(tmp_path)
    rule = {"kind": "rule", "train_seeds": [], "improvement_over_best_rule": None}
    rows = [
        ROW | {"method": "bound", "kind": "bound", "score_iqm": 1.0, "saving": 0.152},
        ROW,
        ROW | rule | {"method": "MPC-24", "kind": "optimiser", "score_iqm": 0.6},
        ROW | rule | {"method": "WaitAwhile", "score_iqm": 0.4},
        ROW | rule | {"method": "PeakOffset", "score_iqm": -0.02},
        ROW | rule | {"method": "Random", "score_iqm": -0.3, "mark": "late", "reason": "late 3% > 1%"},
    ]
    board = [row | {"scenario": name} for name in ("zhejiang-xinjiang", "eight-hubs") for row in rows if row is not ROW]
    board.append({**ROW, "scenario": "zhejiang-xinjiang"})
    (folder / "quick" / "leaderboard.json").write_text(json.dumps(board))
    block = results_block(folder)
    assert "| scenario | bound saves | PPO | MPC-24 | best rule | PeakOffset |" in block
    assert "| zhejiang-xinjiang | 15.2% | 0.654 | 0.600 | 0.400 WaitAwhile | -0.020 |" in block
    assert "| eight-hubs | 15.2% | missing | 0.600 | 0.400 WaitAwhile | -0.020 |" in block
    assert "| WaitAwhile | 0.400 | 0.60 to 0.70 | best rule |" in block
    assert "Best rule: WaitAwhile, 0.400. Best optimiser: MPC-24, 0.600. Best learned agent: PPO, 0.654." in block
    assert "probability of improvement over the best rule" in block
    assert "Random" not in block and "late: more work is late than the contract allows" in block
