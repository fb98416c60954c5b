"""The compiled draw gives the worlds of the NumPy draw, whatever was drawn before and wherever."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.kernels.compiling import entry
from wattward.envs.model.types import Exogenous, Floats, Signals
from wattward.envs.world.compiled.memory import FLOATS, INTS, addresses_of
from wattward.envs.world.compiled.philox import Words, fill_normal, fill_uniform
from wattward.envs.world.compiled.tables import tables_of
from wattward.envs.world.draw import Drawing, draw
from wattward.envs.world.processes.jobs import draw_jobs
from wattward.envs.world.processes.streams import PROCESSES, generator_of, key_of, stream_of
from wattward.envs.world.reference import draw_reference
from wattward.envs.world.splits import episode_seed

CONFIGS = Path(__file__).parents[3] / "configs"
SCENARIOS = sorted(path.stem for path in (CONFIGS / "scenarios").glob("*.yaml"))
PRESETS = sorted(path.stem for path in (CONFIGS / "disturbances").glob("*.yaml"))
DISTURBED = [f"zhejiang-xinjiang+{preset}" for preset in PRESETS]
DISTURBED += [f"eight-hubs+{preset}" for preset in PRESETS if preset != "zhejiang-tariff-2026"]


def parts(world: Exogenous) -> dict[str, Floats]:
    """All arrays of a world by name."""
    return {**world._asdict(), **{f"signals.{name}": part for name, part in world.signals._asdict().items()}}


def assert_alike(world: Exogenous, reference: Exogenous) -> None:
    """Integers are equal, and real numbers to rounding."""
    expected = parts(reference)
    for name, found in parts(world).items():
        if name == "signals":
            continue
        assert found.shape == expected[name].shape, name
        assert found.dtype == expected[name].dtype, name
        if found.dtype.kind == "f":
            size = 1.0 if not found.size else max(1.0, float(np.abs(expected[name]).max()))
            np.testing.assert_allclose(found, expected[name], rtol=1e-9, atol=1e-10 * size, err_msg=name)
        else:
            np.testing.assert_array_equal(found, expected[name], err_msg=name)


def assert_same(world: Exogenous, other: Exogenous) -> None:
    expected = parts(other)
    for name, found in parts(world).items():
        if name != "signals":
            np.testing.assert_array_equal(found, expected[name], err_msg=name)


@pytest.mark.parametrize("name", [*SCENARIOS, *DISTURBED, "random-3x17", "random-5x2", "scale-3x100"])
def test_both_draws_give_the_same_worlds(name: str) -> None:
    scenario = load_scenario(name)
    for split, episode in (("train", 0), ("validation", 5), ("test", 2**31 - 1)):
        seed = episode_seed(split, episode)
        assert_alike(draw(scenario, seed), draw_reference(scenario, seed))


def dated(scenario: Scenario, start: str) -> Scenario:
    return scenario.model_copy(update={"start": start})


@pytest.mark.parametrize("name", ["zhejiang-xinjiang", "follow-the-sun"])
@pytest.mark.parametrize("start", ["2024-02-27", "2026-12-31"])
def test_both_draws_agree_beyond_the_end_of_february_and_of_the_year(name: str, start: str) -> None:
    scenario = dated(load_scenario(name), start)
    world = draw(scenario, episode_seed("train", 1))
    assert_alike(world, draw_reference(scenario, episode_seed("train", 1)))
    assert np.datetime64("1970-01-01T00:00") + np.timedelta64(int(world.start_minute[0]), "m") == np.datetime64(start)


def test_steps_of_an_hour_and_long_episodes() -> None:
    scenario = load_scenario("toy").model_copy(update={"step_minutes": 60, "episode_days": 40.0})
    assert_alike(draw(scenario, episode_seed("train", 3)), draw_reference(scenario, episode_seed("train", 3)))


def test_an_episode_is_the_same_in_any_order_and_in_any_thread() -> None:
    scenario = load_scenario("zhejiang-xinjiang+demand-surge")
    seeds = [episode_seed("train", episode) for episode in range(8)]
    expected = [draw(scenario, seed) for seed in seeds]
    drawing = Drawing(scenario)
    backwards = [drawing.world(drawing.draw(seed)) for seed in seeds[::-1]]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda seed: draw(scenario, seed), seeds))
    for world, found, other in zip(expected, backwards[::-1], at_once, strict=True):
        assert_same(found, world)
        assert_same(other, world)


def test_copies_draw_into_arrays_of_their_own() -> None:
    scenario = load_scenario("toy")
    drawing = Drawing(scenario)
    n_jobs = drawing.draw(episode_seed("train", 0))
    before = drawing.world(n_jobs)
    for twin in (copy.deepcopy(drawing), pickle.loads(pickle.dumps(drawing))):
        assert_same(twin.world(twin.draw(episode_seed("train", 1))), draw(scenario, episode_seed("train", 1)))
    assert_same(drawing.world(n_jobs), before)


def test_room_for_jobs_grows_where_it_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, seed = load_scenario("zhejiang-xinjiang"), episode_seed("train", 4)
    expected = draw(scenario, seed)
    monkeypatch.setattr("wattward.envs.world.draw._expected_jobs", lambda tables: 3)
    assert_same(draw(scenario, seed), expected)
    assert expected.n_jobs[0] > 100


def test_jobs_are_those_of_the_process() -> None:
    scenario, seed = load_scenario("eight-hubs"), episode_seed("train", 6)
    world = draw(scenario, seed)
    jobs = draw_jobs(scenario, int(world.start_minute[0]), seed)
    np.testing.assert_array_equal(world.job_arrival_step[0], jobs.arrival_step)
    np.testing.assert_array_equal(world.job_gpus[0], jobs.gpus)


def test_a_world_is_a_copy() -> None:
    drawing = Drawing(load_scenario("toy"))
    world = drawing.world(drawing.draw(episode_seed("train", 0)))
    kept = copy.deepcopy(world)
    drawing.draw(episode_seed("train", 1))
    assert_same(world, kept)
    assert not any(np.shares_memory(part, drawing.series) for part in world if not isinstance(part, Signals))


@entry
def numbers(key: Words, stream: Words, first: int, uniform: Floats, normal: Floats) -> None:
    fill_uniform(key, stream, first, uniform)
    fill_normal(key, stream, normal)


@pytest.mark.parametrize("process", ["start", "jobs"])
@pytest.mark.parametrize("size", [1, 63, 64, 65, 300_000])
def test_numbers_are_those_of_numpy(process: str, size: int) -> None:
    seed, part = episode_seed("test", 7), 2**32 - 1
    uniform, normal = np.empty(size), np.empty(size)
    numbers(key_of(seed), stream_of(process, part), 0, uniform, normal)
    np.testing.assert_array_equal(uniform, generator_of(seed, process, part).random(size))
    np.testing.assert_array_equal(normal, generator_of(seed, process, part).standard_normal(size))
    numbers(key_of(seed), stream_of(process, part), 128, uniform, normal)
    np.testing.assert_array_equal(uniform, generator_of(seed, process, part).random(128 + size)[128:])


def test_streams_differ() -> None:
    seeds = [episode_seed(split, episode) for split in ("train", "test") for episode in (0, 1)]
    firsts = [generator_of(seed, p, part).random() for seed in seeds for p in PROCESSES for part in (0, 1)]
    assert len(set(firsts)) == len(firsts)


def test_a_table_of_the_wrong_kind_is_refused() -> None:
    tables = tables_of(load_scenario("toy"))
    assert {*FLOATS, *INTS} >= {name for name, table in tables.items() if table.dtype.kind in "if"}
    with pytest.raises(AssertionError, match="clear"):
        addresses_of({**dict.fromkeys(FLOATS, np.zeros(1)), "clear": np.zeros((2, 2), np.float32)})
