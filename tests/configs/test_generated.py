"""Generated scenarios are ordinary ones of the size that their name says; any other name is refused."""

from __future__ import annotations

import numpy as np
import pytest

from wattward.agents.registry import load_agent
from wattward.configs import ConfigError, load_scenario, names
from wattward.configs.generate.scale import Size, parse
from wattward.configs.schema.scenario import LogNormal, Scenario
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv


@pytest.mark.parametrize("name", ["scale-2x100", "scale-8x1000", "scale-64x3200"])
def test_a_generated_scenario_is_an_ordinary_one_that_its_model_accepts(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert Scenario.model_validate(scenario.model_dump()) == scenario
    assert scenario.n_regions == int(name.removeprefix("scale-").split("x")[0])
    assert len({region.name for region in scenario.regions}) == scenario.n_regions
    assert len({region.site for region in scenario.regions}) == min(scenario.n_regions, 32)
    pair = load_scenario("zhejiang-xinjiang")
    assert (scenario.step_minutes, scenario.forecast, scenario.contracts) == (15, pair.forecast, pair.contracts)
    assert load_agent("ppo", name).algorithm == "ppo"


def test_a_large_world_uses_every_tariff_and_fleets_of_many_sizes() -> None:
    scenario = load_scenario("scale-8x1000")
    assert {region.tariff for region in scenario.regions} == {"zhejiang-2026", "zhejiang-2024", "xinjiang-2023"}
    assert len({region.fleet.gpus for region in scenario.regions}) == 8
    cohorts, *rigid_jobs = scenario.job_classes
    assert (cohorts.name, cohorts.malleable, [rigid_job.malleable for rigid_job in rigid_jobs]) == (
        "cohorts",
        True,
        [False, False],
    )


def test_the_smallest_regions_keep_the_shipped_fleets_and_links() -> None:
    pair, small = load_scenario("zhejiang-xinjiang"), load_scenario("scale-8x100")
    assert [region.fleet for region in load_scenario("scale-64x100").regions[:2]] == [r.fleet for r in pair.regions]
    assert [r.network for r in load_scenario("scale-64x100").regions[:2]] == [r.network for r in pair.regions]
    assert all(region.fleet.gpus == round(region.fleet.gpus) > 310 for region in small.regions)


@pytest.mark.parametrize(("name", "jobs"), [("scale-2x500", 500), ("scale-8x1000", 1_000), ("scale-64x3200", 3_200)])
def test_as_many_jobs_are_present_as_the_name_says_when_all_run_on_arrival(name: str, jobs: int) -> None:
    env = ClusterEnv(name)
    env.reset(options={"episode": 0})
    run = np.full(env.scenario.n_regions, int(Mode.RUN))
    present, late_gpu_h = [], 0.0
    for _ in range(150):
        env.step(run)
        present.append(int(env.state.n_active[0]))
        late_gpu_h += float(env.flows.late_gpu_h.sum())
    assert np.mean(present[50:]) == pytest.approx(jobs, rel=0.15)
    assert late_gpu_h == 0.0, "the fleets are large enough for what they are given"


def test_the_largest_worlds_can_be_described() -> None:
    scenario = load_scenario("scale-2000x100000")
    assert scenario.n_regions == 2000
    for job_class in scenario.job_classes:
        assert len(job_class.jobs_per_day) == 2000
    present = sum(sum(c.jobs_per_day) * (c.run_h.mean + scenario.step_h / 2) / 24 for c in scenario.job_classes)
    assert present == pytest.approx(100_000)


@pytest.mark.parametrize("name", ["scale-", "scale-8", "scale-8x", "scale-08x1000", "scale-8x1,000", "scale-8x1e3"])
def test_a_name_that_is_not_of_the_form_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"unknown scenario '{name}': must be scale-REGIONSxJOBS.*from 2 to 2,000"):
        load_scenario(name)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("scale-1x1000", "REGIONS = 1"),
        ("scale-2001x1000", "REGIONS = 2001"),
        ("scale-8x99", "JOBS = 99"),
        ("scale-8x100001", "JOBS = 100001"),
    ],
)
def test_a_size_out_of_range_is_refused(name: str, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}.*{key}: out of range; REGIONS from 2 .*, JOBS from 100 to 100,000"):
        load_scenario(name)


def test_shipped_names_and_files_are_none_of_the_family() -> None:
    others = (*names("scenarios"), "scale-8x1000.yaml", "scales")
    assert [name for name in others if parse(name) is not None] == []
    assert parse("scale-8x1000") == Size(8, 1000)
    assert Size(8, 1000).name == "scale-8x1000"


@pytest.mark.parametrize(
    "law",
    [
        LogNormal(median=3.0, sigma=0.8, low=0.5, high=8.0),
        LogNormal(median=8.0, sigma=0.7, low=4.0, high=64.0),
        LogNormal(median=9.0, sigma=0.0, low=1.0, high=7.0),
    ],
)
def test_the_mean_of_a_cut_log_normal_is_that_of_its_draws(law: LogNormal) -> None:
    z = np.random.default_rng(0).standard_normal(200_000)
    drawn = np.clip(law.median * np.exp(law.sigma * z), law.low, law.high)
    assert law.mean == pytest.approx(drawn.mean(), rel=0.005)
