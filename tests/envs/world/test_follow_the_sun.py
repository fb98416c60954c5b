"""Five zones under market prices: clocks, seasons and suns of both hemispheres, and what moving work is worth."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from wattward.baselines.bound.bound import bound
from wattward.baselines.registry import make, names
from wattward.configs import load_scenario
from wattward.envs.checks.balances import assert_conserves
from wattward.envs.decisions.modes import offers_of_modes
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.params import make_params
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.draw import draw
from wattward.envs.world.importers.options import Options
from wattward.envs.world.importers.registry import import_files
from wattward.envs.world.processes.air import mean_air_c
from wattward.envs.world.processes.calendar import minute_of, steps_in_year
from wattward.envs.world.processes.interactive import mean_interactive_gpus
from wattward.envs.world.processes.jobs import mean_work_gpu_h
from wattward.envs.world.processes.sun import clear_sky_w_per_m2
from wattward.envs.world.recording import load_recording
from wattward.envs.world.splits import episode_seed

NAME = "follow-the-sun"
SCENARIO = load_scenario(NAME)
REGIONS = ("new-south-wales", "germany", "singapore", "california", "texas")
SYDNEY, FRANKFURT, SINGAPORE, SANTA_CLARA, DALLAS = range(5)
NOON_BEIJING_H = {SYDNEY: 10.0, FRANKFURT: 19.5, SINGAPORE: 13.0, SANTA_CLARA: 4.1, DALLAS: 2.5}
FILES = ("AU-NSW", "DE-LU", "SG", "US-CAL-CISO", "US-TEX-ERCO")


def clear_sky(r: int, year: int = 2024) -> np.ndarray:
    region = SCENARIO.regions[r]
    return clear_sky_w_per_m2(
        region.site, region.sun.tilt_deg, year, SCENARIO.step_minutes, SCENARIO.utc_offset_minutes
    ).reshape(-1, 48)


def test_the_regions_come_in_order() -> None:
    assert tuple(region.name for region in SCENARIO.regions) == REGIONS
    assert {region.tariff for region in SCENARIO.regions} == set(SCENARIO.tariffs)


@pytest.mark.parametrize("r", range(5))
def test_the_sun_peaks_at_the_sites_noon(r: int) -> None:
    day = clear_sky(r).mean(axis=0)
    angle = 2 * np.pi * (np.arange(48) + 0.5) / 48
    peak_h = np.angle((day * np.exp(1j * angle)).sum()) % (2 * np.pi) * 24 / (2 * np.pi)
    assert abs((peak_h - NOON_BEIJING_H[r] + 12) % 24 - 12) < 0.8
    assert steps_in_year(2024, 30) == clear_sky(r).size


def test_panels_face_the_equator_and_seasons_turn_over_it() -> None:
    january, july = ([clear_sky(r)[d : d + 31].mean() for r in range(5)] for d in (0, 182))
    assert january[SYDNEY] > 1.3 * july[SYDNEY] and july[FRANKFURT] > 1.5 * january[FRANKFURT]
    region = SCENARIO.regions[SYDNEY]
    flat = clear_sky_w_per_m2(region.site, 0.0, 2024, 30, 480)
    tilted = clear_sky(SYDNEY)
    assert tilted[150:240].mean() > 1.2 * flat.reshape(-1, 48)[150:240].mean() and tilted.mean() > flat.mean()


def test_summers_are_where_they_belong() -> None:
    january, july = (mean_air_c(SCENARIO, minute_of(date(2024, month, 15)), 48) for month in (1, 7))
    warmer = january.mean(axis=0) > july.mean(axis=0)
    assert warmer.tolist() == [True, False, False, False, False]
    local = np.array([region.clock_offset_h for region in SCENARIO.regions])
    afternoon = (july.argmax(axis=0) / 2 + local) % 24
    assert ((afternoon >= 11) & (afternoon <= 17)).all()


def test_requests_follow_each_zones_day() -> None:
    load = mean_interactive_gpus(SCENARIO, minute_of(date(2024, 4, 16)), 48)
    local = np.array([region.clock_offset_h for region in SCENARIO.regions])
    busiest, quietest = ((pick(axis=0) / 2 + local) % 24 for pick in (load.argmax, load.argmin))
    assert ((busiest >= 9) & (busiest <= 16)).all() and ((quietest >= 2) & (quietest < 6)).all()


def test_two_thirds_of_the_gpus_are_busy_when_all_runs_on_arrival() -> None:
    work_gpu_h = [
        sum(one.jobs_per_day[r] * mean_work_gpu_h(SCENARIO, c, r) for c, one in enumerate(SCENARIO.job_classes))
        for r in range(5)
    ]
    shares = [
        (region.interactive.mean_gpus + work / 24) / region.fleet.gpus
        for region, work in zip(SCENARIO.regions, work_gpu_h, strict=True)
    ]
    assert min(shares) > 0.55 and max(shares) < 0.8 and np.mean(shares) == pytest.approx(2 / 3, abs=0.03)


def test_no_price_exceeds_what_settles_unfinished_work() -> None:
    params = make_params(SCENARIO)
    busy_kw = np.array([region.fleet.gpu_busy_kw * region.cooling.pue_base for region in SCENARIO.regions])
    for episode in range(30):
        paid = draw(SCENARIO, episode_seed("train", episode)).price_per_kwh[0].max(axis=0)
        assert (paid * busy_kw <= params.terminal_cost_per_gpu_h[0]).all()


def test_balances_hold_under_random_modes() -> None:
    params = make_params(SCENARIO)
    simulator, rng = Simulator(params), np.random.default_rng(4)
    world = draw(SCENARIO, episode_seed("validation", 0))
    simulator.load(0, world)
    assert world.price_per_kwh.min() < 0.0
    for _ in range(SCENARIO.n_steps):
        before = simulator.save()
        flows = simulator.step(offers_of_modes(rng.integers(0, 4, (1, 5))))
        assert_conserves(params, world, before, simulator.state, flows)


@pytest.mark.parametrize("episode", [0, 1])
def test_no_rule_beats_the_bound(episode: int) -> None:
    env = ClusterEnv(NAME)
    cost: dict[str, float] = {}
    for method in names():
        env.reset(options={"split": "validation", "episode": episode})
        policy, done, cost[method] = make(method), False, 0.0
        policy.reset(env.outlook(), np.random.default_rng(0))
        while not done:
            _, _, done, _, info = env.step(policy.act(env.outlook()))
            cost[method] += info["total_cost"]
    limit = bound(env.params, env.world).total_cost
    assert limit <= min(cost.values())
    assert limit < 0.85 * cost["RunOnArrival"]


def test_the_recorded_year_plays_prices_that_the_bound_knows(data_dir: Path, tmp_path: Path) -> None:
    for region, zone in zip(REGIONS, FILES, strict=True):
        file = data_dir / "zones_2024" / f"{zone}_2024.csv.gz"
        options = Options(region, value_columns=("price_usd_mwh",), currency="USD", per="MWh", exchange_rate=7.1)
        import_files("prices", [file], tmp_path, options)
    recording = load_recording(tmp_path, SCENARIO)
    env = ClusterEnv(SCENARIO, recording=recording)
    env.reset(options={"split": "test", "episode": 0})
    cost, done = 0.0, False
    while not done:
        _, _, done, _, info = env.step(np.full(5, 2))
        cost += info["total_cost"]
    assert bound(env.params, env.world).total_cost <= cost
    strikes = [region.cap_contract.strike_price_per_kwh for region in SCENARIO.regions if region.cap_contract]
    assert recording.max_price_per_kwh is not None
    assert len(strikes) == 5 and (np.array(recording.max_price_per_kwh) > np.array(strikes)).all()
    np.testing.assert_allclose(env.params.terminal_cost_per_gpu_h, make_params(SCENARIO).terminal_cost_per_gpu_h)
