"""Tuning of the index, on the toy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattward.baselines.index.parameters import load_parameters
from wattward.configs.schema.base import ConfigError
from wattward.experiments.training.tune import Budget, tune

SMALL = Budget(generations=6, population=6, episodes=4, batch=2, validation=2, every=2, patience=10)
LESS = Budget(generations=4, population=6, episodes=4, batch=2, validation=2, every=2, patience=10)


def tuned(out: Path, budget: Budget, *, resume: bool = False) -> Path:
    return tune(["toy"], 0, name="toy", budget=budget, out=out, resume=resume, progress=False)


def told(parameters: Path) -> dict[str, object]:
    told: dict[str, object] = json.loads((parameters.parent / "tuning.json").read_text(encoding="utf-8"))
    return told


def test_a_run_that_goes_on_is_the_run_that_was_not_interrupted(tmp_path: Path) -> None:
    whole = tuned(tmp_path / "whole", SMALL)
    tuned(tmp_path / "parts", LESS)
    parts = tuned(tmp_path / "parts", SMALL, resume=True)
    assert told(whole) == told(parts)
    assert load_parameters(whole) == load_parameters(parts)


def test_tuning_does_not_fall_below_its_start(tmp_path: Path) -> None:
    history = told(tuned(tmp_path, SMALL))
    validation = history["validation"]
    assert isinstance(validation, list) and history["best"] == max(validation)
    assert history["best"] > 0.8  # type: ignore[operator]


def test_an_earlier_run_is_not_overwritten(tmp_path: Path) -> None:
    tuned(tmp_path, LESS)
    with pytest.raises(ConfigError, match="holds an earlier run"):
        tuned(tmp_path, LESS)
    other = Budget(generations=4, population=8, episodes=4, batch=2, validation=2, every=2)
    with pytest.raises(ConfigError, match="other scenarios or settings"):
        tuned(tmp_path, other, resume=True)
