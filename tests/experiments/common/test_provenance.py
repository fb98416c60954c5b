"""Provenance says how to make a result again."""

from __future__ import annotations

import json

import pytest

from wattward.experiments.common import provenance


def test_provenance_says_how_to_make_a_result_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/wattward", "leaderboard", "quick"])
    made = provenance.provenance(suite="quick")
    assert made["command"] == "wattward leaderboard quick"
    assert made["suite"] == "quick"
    assert made["code"] == provenance.code_digest()
    assert provenance.code_digest(learned=False) != provenance.code_digest()
    packages = made["packages"]
    assert isinstance(packages, dict)
    assert packages["numpy"]
    assert str(provenance.PACKAGE) not in json.dumps(made)
