"""The metadata of published results: what Croissant 1.0 asks for is there, and fits the files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wattward.configs.schema.suite import Suite
from wattward.experiments.leaderboard import publish as leaderboard
from wattward.experiments.leaderboard import run

SUITE = Suite(name="small", title="A small suite", scenarios=("toy",), episodes=2, rules=("RunOnArrival", "Random"))
REQUIRED = ("conformsTo", "description", "license", "name", "url", "creator", "datePublished", "distribution")
"""Of a data set, by the specification's table of required properties, and `recordSet` beside them."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    leaderboard.publish(SUITE, run.run_suite(SUITE, folder / "cache", jobs=1, progress=False), folder / "results")
    return folder / "results"


@pytest.fixture(scope="module")
def metadata(results: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((results / "croissant.json").read_text(encoding="utf-8"))
    return data


def test_all_that_is_required_is_there(metadata: dict[str, Any]) -> None:
    assert metadata["@type"] == "sc:Dataset"
    assert metadata["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert [key for key in (*REQUIRED, "recordSet", "@context") if not metadata.get(key)] == []
    assert {"cr", "sc", "dct", "recordSet", "field", "source", "extract", "column"} <= metadata["@context"].keys()


def test_files_are_those_of_the_folder(metadata: dict[str, Any], results: Path) -> None:
    assert {file["@id"] for file in metadata["distribution"]} == {"episodes.parquet", "leaderboard.json"}
    for file in metadata["distribution"]:
        assert file["@type"] == "cr:FileObject"
        assert file["encodingFormat"].startswith("application/")
        assert file["sha256"] == hashlib.sha256((results / file["contentUrl"]).read_bytes()).hexdigest()


def test_fields_are_the_columns_of_the_episodes(metadata: dict[str, Any], results: Path) -> None:
    (episodes,) = metadata["recordSet"]
    table = pd.read_parquet(results / "episodes.parquet")
    fields = {field["source"]["extract"]["column"]: field for field in episodes["field"]}
    assert list(fields) == list(table.columns)
    assert len({field["@id"] for field in episodes["field"]}) == len(fields)
    types = {name: fields[name]["dataType"] for name in ("method", "episode", "train_seed", "score", "total_cost")}
    assert types == {
        "method": "sc:Text",
        "episode": "sc:Integer",
        "train_seed": "sc:Integer",
        "score": "sc:Float",
        "total_cost": "sc:Float",
    }
    assert fields["grid_kwh"]["description"] == "grid kwh of the episode, kWh"
    assert all(field["source"]["fileObject"] == {"@id": "episodes.parquet"} for field in fields.values())
