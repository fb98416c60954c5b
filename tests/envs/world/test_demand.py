from __future__ import annotations

import numpy as np
import pytest

from wattward.configs import load_scenario
from wattward.configs.schema.region import Region
from wattward.envs.decisions.action import Mode
from wattward.envs.decisions.modes import offers_of_modes
from wattward.envs.model.params import make_params
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.draw import draw
from wattward.envs.world.processes.calendar import clock, step_minutes
from wattward.envs.world.processes.interactive import draw_interactive, mean_interactive_gpus
from wattward.envs.world.splits import episode_seed

MONDAY = 4 * 1440
"""1970-01-05, a Monday, 00:00 Beijing."""
WEEK = 7 * 96


def test_expected_load_averages_the_stated_mean_over_a_week() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    climatology = mean_interactive_gpus(scenario, MONDAY, WEEK)
    stated = [region.interactive.mean_gpus for region in scenario.regions]
    np.testing.assert_allclose(climatology.mean(axis=0), stated, rtol=0.01)


def test_the_shape_follows_each_regions_own_clock_and_the_published_swing() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    monday = mean_interactive_gpus(scenario, MONDAY, 96)
    for r, region in enumerate(scenario.regions):
        beijing_hour = (region.interactive.shape_by_hour.index(min(region.interactive.shape_by_hour))) + 0.5
        trough = monday[:, r].argmin() / 4
        assert trough == pytest.approx((beijing_hour - region.clock_offset_h) % 24, abs=1.01)
    swing = monday.max(axis=0) / monday.min(axis=0)
    assert 1.4 <= swing[0] <= 2.2
    assert swing[1] < swing[0]


def test_weekends_are_quieter_where_the_factor_says_so() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    climatology = mean_interactive_gpus(scenario, MONDAY, WEEK).reshape(7, 96, 2).mean(axis=1)
    factors = [region.interactive.weekend_factor for region in scenario.regions]
    np.testing.assert_allclose(climatology[5:].mean(axis=0) / climatology[:5].mean(axis=0), factors, rtol=0.01)


def test_deviations_have_the_stated_spread_and_memory() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    drawn = draw_interactive(scenario, MONDAY, 96 * 300, np.random.default_rng(1))
    deviation = drawn.truth / drawn.climatology - 1.0
    spread = [region.interactive.spread for region in scenario.regions]
    np.testing.assert_allclose(deviation.std(axis=0), spread, rtol=0.08)
    for r, region in enumerate(scenario.regions):
        lag = round(region.interactive.correlation_h / scenario.step_h)
        x = deviation[:, r]
        assert np.corrcoef(x[:-lag], x[lag:])[0, 1] == pytest.approx(np.exp(-1.0), abs=0.06)


def loud(region: Region) -> Region:
    interactive = region.interactive.model_copy(update={"mean_gpus": 0.9 * region.fleet.gpus, "spread": 0.8})
    return region.model_copy(update={"interactive": interactive})


def test_load_stays_between_nothing_and_the_fleet() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    regions = tuple(loud(region) for region in scenario.regions)
    drawn = draw_interactive(scenario.model_copy(update={"regions": regions}), MONDAY, WEEK, np.random.default_rng(2))
    assert drawn.truth.min() == 0.0 and drawn.truth.max() == regions[0].fleet.gpus


def test_no_spread_means_no_randomness() -> None:
    toy = load_scenario("toy")
    drawn = draw_interactive(toy, MONDAY, 24, np.random.default_rng(3))
    np.testing.assert_array_equal(drawn.truth, 1.0)
    np.testing.assert_array_equal(drawn.known.response[:, 1], 0.0)


def test_case_1_when_all_runs_on_arrival() -> None:
    """Zhejiang is full in its morning and Xinjiang half idle; the pair averages 65-70 %; little is late, none lost."""
    scenario = load_scenario("zhejiang-xinjiang")
    simulator = Simulator(make_params(scenario))
    run = offers_of_modes(np.full((1, 2), Mode.RUN))
    load, morning, totals = [], [], np.zeros(5)
    for week in range(8):
        world = draw(scenario, episode_seed("train", week))
        when = clock(step_minutes(int(world.start_minute[0]), scenario.n_steps, scenario.step_minutes))
        simulator.load(0, world)
        for t in range(scenario.n_steps):
            flows = simulator.step(run)
            load.append((flows.interactive_gpus[0] + flows.held_gpus[0]) / simulator.params.fleet_gpus[0])
            morning.append(when.weekday[t] < 5 and 8 <= when.hour[t] < 12)
            late_drop = (
                flows.late_cost.sum(),
                flows.late_gpu_h.sum(),
                flows.arrived_gpu_h.sum(),
                flows.dropped_gpus.sum(),
            )
            totals += [*late_drop, flows.energy_cost.sum()]
    zhejiang, xinjiang = np.array(load)[np.array(morning)].mean(axis=0)
    assert zhejiang > 0.95 and 0.35 < xinjiang < 0.65
    assert 0.65 <= np.mean(load) <= 0.70
    late_cost, late_gpu_h, arrived_gpu_h, dropped, energy_cost = totals
    assert late_gpu_h < 0.02 * arrived_gpu_h and dropped < 1.0 and late_cost < 0.01 * energy_cost
