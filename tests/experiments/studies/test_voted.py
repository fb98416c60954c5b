"""Rules that decide for jobs, beside their voted forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wattward.configs import ConfigError
from wattward.configs.loading.experiments import load_suite
from wattward.configs.schema.suite import Suite
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.cli import main as cli
from wattward.experiments.common.records import Record
from wattward.experiments.studies.voted import voted

SUITE = Suite(
    name="both",
    title="Both forms",
    scenarios=("toy",),
    split="validation",
    episodes=4,
    rules=("A", "A-voted", "B", "B-voted"),
)
FILE = """\
name: mine
title: Two rules and their votes
scenarios: [toy]
split: validation
episodes: 2
rules: [RunOnArrival, WaitAwhile, WaitAwhile-voted, CheapestNow, CheapestNow-voted]
"""


def records_of(method: str, scores: tuple[float, ...], late_gpu_h: float, decision_us: float) -> list[Record]:
    plain = {"train_seed": None, "learned": 0, "submitted": 0, "scenario": "toy", "split": "validation", "recorded": 0}
    costs = {"run_on_arrival_cost": 100.0, "bound_cost": 50.0, "total_cost": 80.0, "saving": 0.2}
    amounts = {"late_gpu_h": late_gpu_h, "dropped_gpu_h": 0.0, "green_share": 0.1, "in_band": 0.5}
    return [
        {"method": method, **plain, "episode": episode, "score": score, **costs, **amounts, "decision_us": decision_us}
        for episode, score in enumerate(scores)
    ]


RECORDS = [
    *records_of("A", (0.5, 0.6, 0.7, 0.6), 10.0, 1000.0),
    *records_of("A-voted", (0.2, 0.3, 0.4, 0.3), 4.0, 2500.0),
    *records_of("B", (0.1, 0.1, 0.1, 0.1), 0.0, 100.0),
    *records_of("B-voted", (0.3, 0.3, 0.3, 0.3), 0.0, 100.0),
]


def test_both_forms_stand_beside_each_other_and_the_vote_has_its_cost() -> None:
    first, second = voted.compare(RECORDS, voted.rules_of(SUITE))
    assert (first["rule"], second["rule"]) == ("A", "B")
    assert first["job_score"] == pytest.approx(0.6)
    assert first["voted_score"] == pytest.approx(0.3)
    assert first["cost"] == pytest.approx(0.3)
    assert (first["job_late_gpu_h"], first["voted_late_gpu_h"]) == (10.0, 4.0)
    assert (first["job_ms"], first["voted_ms"]) == (1.0, 2.5)
    assert second["cost"] == pytest.approx(-0.2)


def test_the_page_names_what_loses_and_what_gains_beyond_chance() -> None:
    page = voted.as_markdown(SUITE, voted.compare(RECORDS, ["A", "B"]))
    assert f"validation episodes 0 to 3 of `toy`, {WORLDS_VERSION} worlds." in page
    assert "| `A` | 0.600 | 10 | 1.00 | 0.300 | 4 | 2.50 | +0.300 (+0.30 to +0.30) |" in page
    assert "The median cost over 2 rules is 0.050." in page
    assert "The vote costs most: `A` (0.30). It gains most: `B` (0.20)." in page
    even = [*RECORDS[:4], *records_of("A-voted", (0.6, 0.5, 0.6, 0.7), 0.0, 1.0)]
    assert "The vote costs most: none beyond chance. It gains most: none" in voted.as_markdown(
        SUITE, voted.compare(even, ["A"])
    )


def test_a_suite_without_voted_forms_is_refused() -> None:
    assert "RunOnArrival" not in voted.rules_of(load_suite("voted"))
    with pytest.raises(ConfigError, match="suite quick: rules: must name a rule and its voted form"):
        voted.rules_of(load_suite("quick"))


def test_the_command_writes_the_table_into_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(FILE, encoding="utf-8")
    page = Path("rules.md")
    page.write_text("no markers\n", encoding="utf-8")
    command = ["study", "voted", "mine.yaml", "--page", "rules.md", "--jobs", "1", "--cache", "cache"]
    refused = CliRunner().invoke(cli.app, command)
    assert refused.exit_code == 2
    assert not Path("cache").exists()
    page.write_text(f"before\n{voted.BEGIN}stale\n{voted.END}\nafter\n", encoding="utf-8")
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{voted.BEGIN}`wattward study voted` played these on validation episodes 0 to 1")
    assert text.endswith(f"{voted.END}\nafter\n")
    assert "stale" not in text
    facts = json.loads(Path("results/voted/voted.json").read_text(encoding="utf-8"))
    assert {row["rule"] for row in facts["rows"]} == {"WaitAwhile", "CheapestNow"}
    assert facts["provenance"]["worlds"] == WORLDS_VERSION
