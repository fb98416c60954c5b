"""A disturbed world differs from the undisturbed one of the same seed where and when it should, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.baselines.bound.bound import bound
from wattward.baselines.registry import make
from wattward.configs import load_scenario, load_tariff, names
from wattward.configs.schema.disturbance import (
    DarkWeek,
    DemandSurge,
    Disturbance,
    GpuFailures,
    HeatWave,
    NewTariff,
    PriceSpike,
    WanOutage,
    WindDrought,
    WorseForecasts,
)
from wattward.configs.schema.scenario import Scenario
from wattward.envs.checks.worlds import arrays_of, climatology_of, forecasts_of
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.params import make_params
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND, Exogenous
from wattward.envs.world.disturbances import place_disturbances
from wattward.envs.world.draw import draw, n_drawn
from wattward.envs.world.processes.tariff import tariff_price
from wattward.envs.world.signals import forecast_tables
from wattward.envs.world.splits import episode_seed

BASE = "zhejiang-xinjiang-2024"
REGIONS = ("jinshuitan", "midong")
TOUCHED = {
    "wind_drought": {"wind_kw", "carbon_kg_per_kwh", "signals.impact"},
    "dark_week": {"sun_kw", "carbon_kg_per_kwh", "signals.impact"},
    "heat_wave": {"air_c"},
    "price_spike": {"price_per_kwh"},
    "worse_forecasts": {"signals.false_news"},
    "new_tariff": {"price_per_kwh"},
    "demand_surge": {"interactive_gpus", "signals.impact"},
    "wan_outage": {"wan_share"},
    "gpu_failures": {"fleet_gpus"},
}
STRENGTH: dict[type[Disturbance], dict[str, Any]] = {
    WindDrought: {"factor": 0.2},
    DarkWeek: {"factor": 0.3},
    HeatWave: {"add_c": 6.0},
    PriceSpike: {"factor": 2.0, "added_price_per_kwh": 0.1},
    WorseForecasts: {"factor": 2.0},
    NewTariff: {"tariff": "zhejiang-2026"},
    DemandSurge: {"factor": 1.5},
    WanOutage: {},
    GpuFailures: {"share": 0.5},
}
seeds = st.integers(0, 10_000)


def disturbed(*happenings: Disturbance) -> Scenario:
    base = load_scenario(BASE)
    tariffs = {**base.tariffs, "zhejiang-2026": load_tariff("zhejiang-2026")}
    return base.model_copy(update={"disturbances": happenings, "tariffs": tariffs})


def both(seed: int, *happenings: Disturbance) -> tuple[Exogenous, Exogenous]:
    """The undisturbed and the disturbed world of an episode."""
    episode = episode_seed("train", seed)
    return draw(load_scenario(BASE), episode), draw(disturbed(*happenings), episode)


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from(list(STRENGTH)), st.integers(0, 160), st.integers(1, 60), st.sampled_from([*REGIONS, ""]))
def test_nothing_changes_elsewhere(seed: int, kind: type[Disturbance], start_h: int, hours: int, region: str) -> None:
    where: dict[str, Any] = {"regions": (region,)} if region else {}
    disturbance = kind(start_h=start_h, hours=hours, **where, **STRENGTH[kind])
    plain, changed = both(seed, disturbance)
    steps = np.zeros(n_drawn(load_scenario(BASE)), dtype=np.bool_)
    steps[4 * start_h : 4 * (start_h + hours)] = True
    here = steps[:, None] & np.array([region in (name, "") for name in REGIONS])
    undisturbed, usual = arrays_of(plain), {"signals.impact": 1.0, "signals.false_news": 0.0}
    for name, b in arrays_of(changed).items():
        a = undisturbed[name]
        assert a.dtype == b.dtype and b.flags.c_contiguous, name
        if name in usual and name in TOUCHED[disturbance.kind]:  # type: ignore[attr-defined]
            assert not (b != usual[name])[..., ~here.T].any(), name
        elif name in TOUCHED[disturbance.kind]:  # type: ignore[attr-defined]
            assert not (a != b)[..., ~here].any(), name
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)


def test_strengths_are_those_asked_for() -> None:
    happenings = [kind(start_h=24, hours=48, **strength) for kind, strength in STRENGTH.items()]
    a, b = both(3, *happenings)
    at = np.s_[:, 4 * 24 : 4 * 72]
    np.testing.assert_allclose(b.wind_kw[at], 0.2 * a.wind_kw[at])
    np.testing.assert_allclose(b.sun_kw[at], 0.3 * a.sun_kw[at])
    np.testing.assert_allclose(b.air_c[at], a.air_c[at] + 6.0)
    np.testing.assert_allclose(b.interactive_gpus[at], np.minimum(1.5 * a.interactive_gpus[at], 310.0))
    new = tariff_price(load_tariff("zhejiang-2026"), int(a.start_minute[0]), a.air_c.shape[1], 15)
    np.testing.assert_allclose(b.price_per_kwh[at][0, :, 0], 2.0 * new[at[1]] + 0.1)
    np.testing.assert_array_equal(climatology_of(a), climatology_of(b))
    assert (b.carbon_kg_per_kwh[at] >= a.carbon_kg_per_kwh[at]).all()
    assert b.carbon_kg_per_kwh[at].mean() > a.carbon_kg_per_kwh[at].mean()


def test_forecasts_of_named_quantities_alone_get_worse() -> None:
    """The further error has the variance (factor^2 - 1) q (1 - q) of the quantity's own; q is what is explained."""
    scenario, worse = load_scenario(BASE), WorseForecasts(start_h=0, factor=3.0, quantities=("interactive", "carbon"))
    share = forecast_tables(scenario).explained[INTERACTIVE]
    further: list[Any] = []
    for seed in range(60):
        a, b = both(seed, worse)
        for step in range(0, scenario.n_steps, 48):
            ours, theirs = (forecasts_of(scenario, world, step) for world in (b, a))
            np.testing.assert_array_equal(ours[[SUN, WIND]], theirs[[SUN, WIND]])
            assert (ours[CARBON] != theirs[CARBON]).any()
            spread = a.signals.response[0, INTERACTIVE, :, 1, step : step + share.size].T
            further.append((ours[INTERACTIVE] - theirs[INTERACTIVE]) / spread)
    variance = np.mean(np.square(further), axis=(0, 2))
    np.testing.assert_allclose(variance[::8], (8.0 * share * (1.0 - share))[::8], rtol=0.2, atol=0.02)


def test_a_surge_stops_at_the_fleet() -> None:
    _, b = both(2, DemandSurge(start_h=0, factor=50.0))
    assert (b.interactive_gpus <= 310.0).all() and (b.interactive_gpus == 310.0).any()


def test_spikes_keep_to_their_hours_and_follow_a_new_tariff() -> None:
    spike = PriceSpike(start_h=0, factor=3.0, hours_of_day=((17, 21), (8, 9)))
    a, b = both(5, spike, NewTariff(start_h=100, tariff="zhejiang-2026", regions=("jinshuitan",)))
    hour = np.arange(a.air_c.shape[1]) // 4 % 24
    dear = np.isin(hour, [8, 17, 18, 19, 20])
    ratio = b.price_per_kwh[0, :, 1] / a.price_per_kwh[0, :, 1]
    np.testing.assert_allclose(ratio, np.where(dear, 3.0, 1.0))
    new = tariff_price(load_tariff("zhejiang-2026"), int(a.start_minute[0]), hour.size, 15)
    np.testing.assert_allclose(b.price_per_kwh[0, 400:, 0], (new * np.where(dear, 3.0, 1.0))[400:])


def test_random_beginnings_differ_between_episodes_fit_in_and_come_again() -> None:
    scenario = disturbed(
        HeatWave(hours=96.0, add_c=5.0), DarkWeek(hours=500.0, factor=0.5), NewTariff(tariff="zhejiang-2026")
    )
    firsts: list[list[int]] = []
    for seed in range(60):
        placed = place_disturbances(scenario, n_drawn(scenario), np.random.default_rng(seed))
        firsts.append([int(np.argmax(one.here[:, 0])) for one in placed])
        assert placed[0].here[:, 0].sum() == 4 * 96
    wave, longer, tariff = np.array(firsts).T
    assert wave.min() >= 0 and wave.max() <= 4 * (168 - 96) and np.unique(wave).size > 30
    assert (longer == 0).all()
    assert tariff.max() < scenario.n_steps and tariff.max() > 400
    again, other = (draw(scenario, episode_seed("test", episode)) for episode in (1, 2))
    np.testing.assert_array_equal(draw(scenario, episode_seed("test", 1)).air_c, again.air_c)
    assert (again.air_c != other.air_c).any()


def test_what_is_unusual_fades_into_the_forecast() -> None:
    """Climatology knows nothing of it; a forecast shows the more of it the shorter its lead."""
    plain, surged = ClusterEnv(load_scenario(BASE)), ClusterEnv(disturbed(DemandSurge(start_h=0, factor=1.5)))
    for env in (plain, surged):
        env.reset(options={"split": "train", "episode": 4})
    before, after = (env.outlook().interactive_forecast_gpus for env in (plain, surged))
    share = forecast_tables(plain.scenario).explained[INTERACTIVE]
    assert share[0] == 1.0 and share[-1] < 0.5
    np.testing.assert_allclose(after, before * (1.0 + 0.5 * share[:, None]), atol=1e-9)


def test_policies_see_a_new_tariff_as_far_ahead_as_forecasts_reach() -> None:
    env = ClusterEnv(disturbed(NewTariff(start_h=12, tariff="zhejiang-2026")))
    env.reset(options={"split": "train", "episode": 4})
    at = env.scenario.horizon + 1
    np.testing.assert_array_equal(env.outlook().price_forecast_per_kwh, env.world.price_per_kwh[0, :at])


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.0, 6.0), st.floats(-0.5, 4.0), st.booleans())
def test_settlement_is_no_cheaper_than_any_hour_that_comes(seed: int, factor: float, add: float, second: bool) -> None:
    happenings: list[Disturbance] = [
        NewTariff(tariff="zhejiang-2026"),
        PriceSpike(factor=factor, added_price_per_kwh=add),
        HeatWave(add_c=8.0),
    ]
    scenario = disturbed(*happenings, *([PriceSpike(hours=24.0, factor=2.0)] if second else []))
    p, world = make_params(scenario), draw(scenario, episode_seed("train", seed))
    rate = world.price_per_kwh[0] + p.carbon_price_per_kg[0] * world.carbon_kg_per_kwh[0]
    hot = [region.air.mean_c for region in scenario.regions] + np.array(8.0)
    pue = p.pue_base[0] + p.pue_slope_per_c[0] * np.maximum(0.0, hot - p.pue_free_c[0])
    assert (p.terminal_cost_per_gpu_h[0] >= rate.max(axis=0) * pue * p.gpu_busy_kw[0] - 1e-9).all()


def test_only_what_raises_prices_or_heat_there_raises_the_settlement() -> None:
    base = make_params(load_scenario(BASE)).terminal_cost_per_gpu_h[0]

    def terminal_cost(disturbance: Disturbance) -> Any:
        return make_params(disturbed(disturbance)).terminal_cost_per_gpu_h[0]

    for harmless in (WindDrought(factor=0.0), DemandSurge(factor=2.0), PriceSpike(factor=0.5)):
        np.testing.assert_array_equal(terminal_cost(harmless), base)
    dearer = terminal_cost(PriceSpike(factor=3.0, regions=("midong",)))
    assert dearer[0] == base[0] and dearer[1] > 2.0 * base[1]
    assert (terminal_cost(HeatWave(add_c=10.0)) >= base).all() and (terminal_cost(HeatWave(add_c=10.0)) > base).any()


@pytest.mark.parametrize("preset", [*names("disturbances"), "dark-calm+price-spike+demand-surge+heat-wave"])
def test_no_rule_beats_the_bound(preset: str) -> None:
    env = ClusterEnv(f"{BASE}+{preset}")
    limit = None
    for rule in ("RunOnArrival", "Threshold-soak-0.3", "LowestWindow"):
        env.reset(options={"split": "validation", "episode": 2})
        policy, over, cost = make(rule), False, 0.0
        policy.reset(env.outlook(), np.random.default_rng(0))
        while not over:
            _, _, over, _, info = env.step(policy.act(env.outlook()))
            cost += info["total_cost"]
        limit = bound(env.params, env.world).total_cost if limit is None else limit
        assert 0.3 * cost < limit <= cost, rule


def test_no_rule_beats_the_bound_where_spikes_make_prices_negative() -> None:
    env = ClusterEnv(disturbed(PriceSpike(added_price_per_kwh=-1.5, hours_of_day=((11, 15),), start_h=0)))
    env.reset(options={"split": "validation", "episode": 2})
    assert env.world.price_per_kwh.min() < 0
    cost, over = 0.0, False
    policy = make("LowestWindow")
    policy.reset(env.outlook(), np.random.default_rng(0))
    while not over:
        _, _, over, _, info = env.step(policy.act(env.outlook()))
        cost += info["total_cost"]
    assert bound(env.params, env.world).total_cost <= cost
