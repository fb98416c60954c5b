"""The informed copy of a scenario: the same worlds, nothing left to guess."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wattward.configs import ConfigError, load_scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.experiments.studies.gap.informed import informed, write_informed


def test_worlds_are_the_same_and_estimates_are_the_work(tmp_path: Path) -> None:
    path = write_informed("zhejiang-xinjiang", tmp_path / "known.yaml")
    as_it_is, known = ClusterEnv("zhejiang-xinjiang"), ClusterEnv(str(path))
    for env in (as_it_is, known):
        env.reset(seed=5)
    blind, sighted = as_it_is.world, known.world
    np.testing.assert_array_equal(blind.job_work_gpu_h, sighted.job_work_gpu_h)
    np.testing.assert_array_equal(blind.sun_kw, sighted.sun_kw)
    np.testing.assert_array_equal(sighted.job_estimate_gpu_h, sighted.job_work_gpu_h)
    assert not np.allclose(blind.job_estimate_gpu_h, blind.job_work_gpu_h)


def test_forecasts_of_the_copy_are_what_comes(tmp_path: Path) -> None:
    scenario = load_scenario(write_informed("toy", tmp_path / "known.yaml"))
    assert scenario.name == "toy-informed"
    assert scenario.forecast.skill == 1.0
    assert {one.estimate_sigma for one in scenario.job_classes} == {0.0}


@pytest.mark.parametrize(
    ("scenario", "said"),
    [("zhejiang-xinjiang+heat-wave", "without disturbances"), ("random-2", "random-2"), ("nowhere", "nowhere")],
)
def test_what_has_no_file_of_its_own_is_refused(scenario: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        informed(scenario)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.yaml"):
        write_informed("toy", tmp_path / "known.txt")
    assert not list(tmp_path.iterdir())
