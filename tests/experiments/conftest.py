"""A small leaderboard, published as a user would, for the tests that show one."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from wattward.experiments.cli import main as cli

SUITE = """\
name: small
title: "Two rules & the floor on <two> toys"
scenarios: [toy, toy+heat-wave]
episodes: 2
rules: [RunOnArrival, PeakOffset, Random]
"""


@pytest.fixture(scope="session")
def small_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of three rules on two scenarios, two episodes each; not to be changed."""
    home = tmp_path_factory.mktemp("small")
    suite = home / "small.yaml"
    suite.write_text(SUITE)
    arguments = ["leaderboard", str(suite), "--out", str(home / "results"), "--cache", str(home / "cache")]
    done = CliRunner().invoke(cli.app, [*arguments, "--jobs", "1"])
    assert done.exit_code == 0, done.output
    return home / "results"


@pytest.fixture(scope="session")
def small_report(small_results: Path) -> Path:
    """The report of `small_results`."""
    page = small_results.parent / "report.html"
    done = CliRunner().invoke(cli.app, ["report", str(small_results), "--out", str(page)])
    assert done.exit_code == 0, done.output
    return page
