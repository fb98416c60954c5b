from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from wattward.configs import ConfigError, load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.checks.balances import total_cost, toy_optimum_cost
from wattward.envs.checks.worlds import arrays_of, climatology_of, truth_of
from wattward.envs.decisions.action import Mode
from wattward.envs.decisions.modes import offers_of_modes
from wattward.envs.model.params import make_params
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND, Exogenous
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.draw import draw
from wattward.envs.world.processes.calendar import n_drawn
from wattward.envs.world.reference import draw_start_minute
from wattward.envs.world.splits import SPLITS, episode_seed

FINGERPRINT = """
import hashlib
from wattward.configs import load_scenario
from wattward.envs.checks.worlds import arrays_of
from wattward.envs.world.draw import draw
from wattward.envs.world.splits import episode_seed
world = draw(load_scenario("zhejiang-xinjiang"), episode_seed("test", 7))
print(hashlib.sha256(b"".join(array.tobytes() for array in arrays_of(world).values())).hexdigest())
"""

GRID_EVENTS = {
    "regions": ["midong"],
    "chance_per_day": 1.0,
    "hours": 2.0,
    "between_hours": [8, 22],
    "notice_h": 0.5,
    "cut_share": 0.5,
    "pay_per_kwh": 3.0,
    "penalty_per_kwh": 1.5,
}


def assert_same(first: Exogenous, second: Exogenous, but: tuple[str, ...] = ()) -> None:
    others = arrays_of(second)
    for name, array in arrays_of(first).items():
        if not name.startswith(but):
            np.testing.assert_array_equal(array, others[name], err_msg=name)


def start_of(world: Exogenous) -> datetime:
    return datetime(1970, 1, 1) + timedelta(minutes=int(world.start_minute[0]))


@pytest.mark.parametrize("name", ["zhejiang-xinjiang", "toy"])
def test_a_world_has_the_declared_shapes_and_possible_values(name: str) -> None:
    scenario = load_scenario(name)
    world = draw(scenario, episode_seed("train", 3))
    n, regions, jobs = n_drawn(scenario), scenario.n_regions, int(world.n_jobs[0])
    assert n == scenario.n_steps + int(make_params(scenario).n_leads[0])
    for field in (
        "price_per_kwh",
        "carbon_kg_per_kwh",
        "sun_kw",
        "wind_kw",
        "hydro_kw",
        "air_c",
        "interactive_gpus",
    ):
        assert getattr(world, field).shape == (1, n, regions), field
    assert world.signals.slow.shape == world.signals.fast.shape == (1, 3, regions, n)
    assert world.signals.response.shape[:3] == (1, 3, regions) and world.signals.response.shape[4] == n
    assert climatology_of(world).shape == (4, n, regions)
    for field in (name for name in world._fields if name.startswith("job_")):
        assert getattr(world, field).shape == (1, jobs), field
    for array in arrays_of(world).values():
        assert np.isfinite(array).all() and array.flags.c_contiguous
        assert array.dtype in (np.float64, np.int64)
    sun_kw = np.array([region.sun.capacity_kw for region in scenario.regions])
    assert (world.sun_kw >= 0).all() and (world.sun_kw <= sun_kw).all()
    assert (climatology_of(world) >= 0).all() and (world.carbon_kg_per_kwh >= 0).all()


def test_the_rows_of_usual_are_the_quantities_they_are_named_for() -> None:
    world = draw(load_scenario("zhejiang-xinjiang"), episode_seed("train", 4))
    truths = {
        SUN: world.sun_kw,
        WIND: world.wind_kw,
        INTERACTIVE: world.interactive_gpus,
        CARBON: world.carbon_kg_per_kwh,
    }
    for row, truth in truths.items():
        np.testing.assert_allclose(climatology_of(world)[row].mean(axis=0), truth[0].mean(axis=0), rtol=0.8, atol=1e-9)
        np.testing.assert_array_equal(truth_of(world)[row], truth[0])


def test_the_same_seed_gives_the_same_world_and_is_not_used_up() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    seed = episode_seed("train", 11)
    first, again = draw(scenario, seed), draw(scenario, seed)
    assert_same(first, again)
    assert_same(first, draw(scenario, episode_seed("train", 11)))
    assert not np.array_equal(first.interactive_gpus, draw(scenario, episode_seed("train", 12)).interactive_gpus)


def test_another_process_draws_the_same_world() -> None:
    prints = {
        subprocess.run([sys.executable, "-c", FINGERPRINT], capture_output=True, text=True, check=True, env=env).stdout
        for env in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"})
    }
    assert len(prints) == 1 and len(prints.pop().strip()) == 64


def change(scenario: Scenario, part: str, keys: dict[str, Any]) -> Scenario:
    """The scenario with other keys in a part of its own or of all its regions, whether or not they have that part."""

    def changed(data: dict[str, Any]) -> dict[str, Any]:
        return data | {part: (data.get(part) or {}) | keys}

    data = scenario.model_dump()
    own = changed(data) if part in Scenario.model_fields else {"regions": [changed(each) for each in data["regions"]]}
    return Scenario.model_validate(data | own)


@pytest.mark.parametrize(
    ("part", "keys", "touched"),
    [
        ("wind", {"speed_mean_m_per_s": 8.0}, ("wind_kw", "carbon_kg_per_kwh", "signals.response", "signals.mix")),
        ("interactive", {"spread": 0.2}, ("interactive_gpus", "signals.response")),
        ("river", {"spread": 0.5}, ("hydro_kw",)),
        ("air", {"mean_c": 30.0}, ("air_c",)),
        ("grid_events", GRID_EVENTS, ("cut_kw", "announced_cut_kw", "announced_in_h")),
    ],
)
def test_changing_one_process_leaves_the_others_alone(
    part: str, keys: dict[str, Any], touched: tuple[str, ...]
) -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    first = draw(scenario, episode_seed("train", 1))
    second = draw(change(scenario, part, keys), episode_seed("train", 1))
    assert_same(first, second, but=touched)
    assert not np.array_equal(getattr(first, touched[0]), getattr(second, touched[0]))


def test_two_tariffs_share_every_draw() -> None:
    worlds = [
        draw(load_scenario(name), episode_seed("test", 0)) for name in ("zhejiang-xinjiang", "zhejiang-xinjiang-2024")
    ]
    assert_same(*worlds, but=("price_per_kwh",))
    assert not np.array_equal(worlds[0].price_per_kwh, worlds[1].price_per_kwh)


def test_splits_never_share_a_seed() -> None:
    states = {
        tuple(episode_seed(split, index).generate_state(4).tolist())
        for split in SPLITS
        for index in (*range(50), 2**31 - 1)
    }
    assert len(states) == 3 * 51
    assert {episode_seed(split, 0).spawn_key[0] for split in SPLITS} == {0, 1, 2}


@pytest.mark.parametrize(
    ("split", "index", "message"), [("tests", 0, "train, validation, test"), ("test", -1, "0 or more")]
)
def test_a_wrong_split_or_index_is_refused(split: str, index: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        episode_seed(split, index)


def test_episodes_start_at_midnight_on_any_day_of_the_year() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    starts = [start_of(draw(scenario, episode_seed("train", i))) for i in range(60)]
    assert {(s.year, s.hour, s.minute) for s in starts} == {(2026, 0, 0)}
    assert len({s.month for s in starts}) == 12
    days = {draw_start_minute(scenario, np.random.default_rng(i)) // 1440 for i in range(5000)}
    assert max(days) - min(days) == 364


def test_a_fixed_start_and_a_wrong_one() -> None:
    toy = load_scenario("toy")
    fixed = toy.model_copy(update={"start": "2026-02-28"})
    assert start_of(draw(fixed, episode_seed("train", 0))) == datetime(2026, 2, 28)
    with pytest.raises(ConfigError, match=r"start = '2026-02-30'.*any_day"):
        draw(toy.model_copy(update={"start": "2026-02-30"}), episode_seed("train", 0))


def toy_cost(world: Exogenous, modes_at: dict[int, tuple[Mode, Mode]]) -> float:
    scenario = load_scenario("toy")
    simulator = Simulator(make_params(scenario))
    simulator.load(0, world)
    modes = modes_at[0]
    total = 0.0
    for hour in range(scenario.n_steps):
        modes = modes_at.get(hour, modes)
        total += float(total_cost(simulator.step(offers_of_modes(np.array([modes]))))[0])
    return total


@pytest.mark.parametrize("episode", range(8))
def test_the_toys_optimum_is_reached_by_hand_and_by_nothing_else_tried(episode: int) -> None:
    toy = load_scenario("toy")
    world = draw(toy, episode_seed("test", episode))
    least = toy_optimum_cost(make_params(toy), world)
    by_hand = toy_cost(world, {0: (Mode.HOLD, Mode.HOLD), 11: (Mode.HOLD, Mode.PULL)})
    on_arrival = toy_cost(world, {0: (Mode.RUN, Mode.RUN)})
    assert by_hand == pytest.approx(least, rel=1e-12)
    assert on_arrival > 1.15 * least
    rng = np.random.default_rng(episode)
    for _ in range(20):
        modes = {hour: tuple(Mode(m) for m in rng.integers(0, 4, 2)) for hour in range(24)}
        assert toy_cost(world, modes) >= least - 1e-9


def test_the_toys_sum_refuses_a_world_with_limits() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    with pytest.raises(ValueError, match="every class is malleable"):
        toy_optimum_cost(make_params(scenario), draw(scenario, episode_seed("train", 0)))
