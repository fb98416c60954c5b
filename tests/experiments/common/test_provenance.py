"""Provenance says how to make a result again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from wattward.configs import ConfigError
from wattward.envs.interfaces.registration import FORMS, ids_of
from wattward.envs.world import splits
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.common import provenance
from wattward.experiments.evaluation import worlds as sources
from wattward.experiments.evaluation.cells import Cell
from wattward.experiments.evaluation.methods import method
from wattward.experiments.evaluation.worlds import Worlds


def test_provenance_says_how_to_make_a_result_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/wattward", "leaderboard", "quick"])
    made = provenance.provenance(suite="quick")
    assert made["command"] == "wattward leaderboard quick"
    assert (made["suite"], made["worlds"]) == ("quick", WORLDS_VERSION)
    assert made["code"] == provenance.code_digest()
    assert provenance.code_digest(learned=False) != provenance.code_digest()
    packages = made["packages"]
    assert isinstance(packages, dict)
    assert packages["numpy"]
    assert str(provenance.PACKAGE) not in json.dumps(made)


def test_all_ids_of_environments_end_with_the_version_of_the_worlds() -> None:
    ids = [env_id for form in FORMS.values() for env_id in ids_of(form)]
    assert "wattward/ZhejiangXinjiangJobs-v1" in ids
    assert {re.fullmatch(r"wattward/\w+-(v\d+)", env_id)[1] for env_id in ids} == {WORLDS_VERSION}  # type: ignore[index]


def test_cells_of_different_worlds_have_different_names_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of the code covers the version, and the version stands in the name besides."""
    assert Path(splits.__file__).resolve().is_relative_to((provenance.PACKAGE / "envs").resolve())
    cell = Cell(method("RunOnArrival"), Worlds("toy"), 0, 1)
    before = cell.worlds.name(), cell.name()
    monkeypatch.setattr(sources, "WORLDS_VERSION", "v999")
    assert cell.worlds.name() != before[0]
    assert cell.name() != before[1]


def test_results_of_other_worlds_are_refused_with_what_to_do(tmp_path: Path) -> None:
    provenance.refuse_other_worlds(tmp_path, {"worlds": WORLDS_VERSION})
    made = {"command": "wattward leaderboard quick", "git_commit": "abc"}
    said = rf"v0 worlds, .* has {WORLDS_VERSION} worlds.*`wattward leaderboard quick`.*commit abc"
    with pytest.raises(ConfigError, match=said):
        provenance.refuse_other_worlds(tmp_path, made)
