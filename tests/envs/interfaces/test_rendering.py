"""Frames and texts of environments: what they show, that they show it to everyone, and that they change nothing."""

from __future__ import annotations

import copy
import itertools
import pickle
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces import drawing, frames
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.drawing import MODE_COLOURS, PAPER, SOURCE_COLOURS, SOURCES
from wattward.envs.interfaces.vector_env import ClusterVectorEnv
from wattward.envs.policy.orders import STAY, Orders

Picture = NDArray[np.uint8]
SEEN_BY = {
    "everyone": np.eye(3),
    "protanopes": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopes": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
"""Linear RGB as it looks to them, at full severity: Machado, Oliveira and Fernandes (2009)."""


def lab(colour: str, sight: NDArray[np.float64]) -> NDArray[np.float64]:
    """A colour in CIE L*a*b* (D65) as someone sees it."""
    srgb = np.array([*bytes.fromhex(colour[1:])]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    )
    xyz = to_xyz @ np.clip(sight @ linear, 0.0, 1.0) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("who", SEEN_BY)
def test_everyone_tells_the_colours_apart(who: str) -> None:
    """Any two sources may be neighbours in a stack, any two modes in a row; a difference of 10 is seen at a glance."""

    def apart(one: str, other: str) -> float:
        return float(np.linalg.norm(lab(one, SEEN_BY[who]) - lab(other, SEEN_BY[who])))

    sources, modes = SOURCE_COLOURS.values(), MODE_COLOURS.values()
    assert min(itertools.starmap(apart, itertools.combinations((*sources, PAPER), 2))) > 17
    assert min(itertools.starmap(apart, itertools.combinations(modes, 2))) > 13
    assert min(itertools.starmap(apart, itertools.product(sources, modes))) > 13


def played(env: ClusterEnv, n_steps: int, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(n_steps):
        env.step(rng.integers(0, 4, env.action_space.shape))


def rendered(scenario: str, **kwargs: Any) -> ClusterEnv:
    env = ClusterEnv(scenario, render_mode="rgb_array", **kwargs)
    env.reset(options={"split": "validation", "episode": 0})
    return env


@pytest.mark.parametrize("scenario", ["toy", "random-3"])
def test_frames_of_all_episodes_have_one_shape(scenario: str) -> None:
    env = rendered(scenario)
    shown = []
    for episode in range(2):
        env.reset(options={"split": "validation", "episode": episode})
        shown.append(env.render())
        for _ in range(24):
            env.step(env.action_space.sample())
            shown.append(env.render())
    assert {(frame.shape, frame.dtype) for frame in shown} == {(shown[0].shape, np.dtype(np.uint8))}
    height, width, channels = shown[0].shape
    assert (height % 16, width % 16, channels) == (0, 0, 3)
    assert len({frame.tobytes() for frame in shown[:25]}) == 25
    shown[0][...] = 0
    assert env.render().any()


def pixels(picture: Picture, colour: str) -> NDArray[np.bool_]:
    return (picture == np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)).all(axis=2)


def chart(env: ClusterEnv, picture: Picture, r: int) -> Picture:
    film = env._film
    assert film is not None
    top = drawing.HEAD + r * film._layout.row
    return picture[top : top + film._layout.chart, drawing.POWER_LEFT : drawing.POWER_LEFT + drawing.BEFORE]


def test_the_stack_is_the_power_of_the_last_step() -> None:
    env = rendered("jinshuitan-microgrid")
    film = env._film
    assert film is not None
    found = set()
    for step in range(96):
        played(env, 1, seed=step)
        if step % 8:
            continue
        newest, flows = env.render(), env.flows
        for r in range(2):
            column = chart(env, newest, r)[:, -1:]
            given_kw = dict(zip(SOURCES, film._supply_kw[step % film._steps.size, r], strict=True))
            spent = flows.sold_kw + flows.curtailed_kw - (flows.direct_kw - flows.direct_used_kw)
            load_kw = flows.it_kw + flows.cooling_kw + flows.wan_kw + flows.charge_kw
            assert sum(given_kw.values()) == pytest.approx(float((load_kw + spent)[0, r]))
            for source, kw in given_kw.items():
                shown = int(pixels(column, SOURCE_COLOURS[source]).sum())
                expected = kw / film._scales.power_kw[r] * column.shape[0]
                # the line of the load, two pixels wide, and the border between layers hide some
                assert expected - 4 <= shown <= expected + 1
                found |= {source} if shown else set()
    assert found >= {"hydro", "sun", "grid", "stores"}


def test_decisions_are_shown() -> None:
    env = rendered("toy")
    for one, other in itertools.permutations(Mode, 2):
        env.step(np.array([one, other]))
        frame = env.render()
        for r, mode in enumerate((one, other)):
            top = drawing.HEAD + r * 150
            badge = frame[top : top + 14, drawing.PANEL_RIGHT - 6 : drawing.PANEL_RIGHT - 1]
            assert pixels(badge, MODE_COLOURS[mode]).all()


def test_shares_are_shown_by_the_nearest_mode() -> None:
    env = rendered("toy", action="shares")
    env.step(np.array([[0.9, 0.6], [0.2, 0.1]]))
    frame = env.render()
    for r, mode in enumerate((Mode.PULL, Mode.HOLD)):
        top = drawing.HEAD + r * 150
        badge = frame[top : top + 14, drawing.PANEL_RIGHT - 6 : drawing.PANEL_RIGHT - 1]
        assert pixels(badge, MODE_COLOURS[mode]).all()


def ordered_to(env: ClusterEnv, region: int) -> Orders:
    """Orders for all jobs to run in a region; -1 to wait."""
    return Orders(np.full(env.outlook().jobs.number.size, region))


def test_orders_are_shown_as_run_where_jobs_are_told_to_run() -> None:
    env = rendered("toy")
    while not env.outlook().jobs.number.size:
        env.step(np.array([Mode.PULL, Mode.PULL]))
    for region, expected in ((1, (Mode.HOLD, Mode.RUN)), (STAY, (Mode.HOLD, Mode.HOLD))):
        env.step(ordered_to(env, region))
        frame = env.render()
        for r, mode in enumerate(expected):
            top = drawing.HEAD + r * 150
            badge = frame[top : top + 14, drawing.PANEL_RIGHT - 6 : drawing.PANEL_RIGHT - 1]
            assert pixels(badge, MODE_COLOURS[mode]).all()
            strip = drawing.HEAD + r * 150 + 150 - drawing.STRIP - 14 + 3
            newest = frame[strip : strip + drawing.STRIP, drawing.POWER_LEFT + drawing.BEFORE - 1 :][:, :1]
            asked_gpus = float(env._simulator.fleet.regions[0, r]["asked_gpus"])
            share = max(0.1, min(1.0, asked_gpus / float(env.outlook().fleet_gpus[r])))
            assert pixels(newest, MODE_COLOURS[mode]).sum() == np.ceil(drawing.STRIP * share)
            assert (asked_gpus > 0.0) == (mode == Mode.RUN)
    env.step(np.array([Mode.PULL, Mode.SOAK]))
    top = drawing.HEAD
    assert pixels(env.render()[top : top + 14, drawing.PANEL_RIGHT - 6 :][:, :5], MODE_COLOURS[Mode.PULL]).all()


def test_steps_that_nobody_looked_at_are_shown_too() -> None:
    always, once = rendered("zhejiang-xinjiang"), rendered("zhejiang-xinjiang")
    for step in range(30):
        played(always, 1, seed=step)
        played(once, 1, seed=step)
        looked_at = always.render()
    np.testing.assert_array_equal(looked_at, once.render())


def test_a_new_episode_forgets_the_last() -> None:
    env = rendered("zhejiang-xinjiang")
    played(env, 20)
    grid = SOURCE_COLOURS["grid"]
    assert pixels(chart(env, env.render(), 0), grid).any()
    env.reset(seed=1)
    assert not pixels(chart(env, env.render(), 0), grid).any()


def test_a_restored_past_is_shown_as_it_went_on() -> None:
    env, straight = rendered("zhejiang-xinjiang"), rendered("zhejiang-xinjiang")
    for one in (env, straight):
        played(one, 5)
    snapshot = env.save()
    played(env, 9, seed=1)
    env.restore(snapshot)
    np.testing.assert_array_equal(
        env.render()[:, : drawing.PRICE_LEFT - 60], straight.render()[:, : drawing.PRICE_LEFT - 60]
    )


def test_looking_changes_nothing() -> None:
    watched, alone = rendered("toy"), ClusterEnv("toy")
    alone.reset(options={"split": "validation", "episode": 0})
    rng = np.random.default_rng(3)
    for _ in range(24):
        action = rng.integers(0, 4, 2)
        watched.render()
        for one, other in zip(watched.step(action)[:2], alone.step(action)[:2], strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_copy_draws_the_same() -> None:
    env = rendered("toy")
    played(env, 7)
    for copied in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
        twin = copied(env)
        played(env, 1)
        played(twin, 1)
        np.testing.assert_array_equal(twin.render(), env.render())
        assert twin._film._simulator is twin._simulator


@pytest.mark.parametrize("shift", [-0.5, -2.0])
def test_negative_prices_have_an_axis(shift: float) -> None:
    env = rendered("zhejiang-xinjiang")
    world = env.world
    env.start(world._replace(price_per_kwh=world.price_per_kwh + shift))
    env.render()
    assert env._film is not None
    scales, ahead = env._film._scales, env.outlook().price_forecast_per_kwh
    assert scales.least_price <= ahead.min() < 0.0 < scales.price
    assert ahead.max() <= scales.price


def test_a_world_in_which_nothing_happens_is_drawn() -> None:
    env = rendered("toy")
    world = env.world
    env.start(world._replace(**{name: 0.0 * getattr(world, name) for name in ("price_per_kwh", "interactive_gpus")}))
    assert env.render().shape == rendered("toy").render().shape


def test_the_legend_of_all_sources_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_sources_of", lambda _: list(SOURCES))
    frame = rendered("zhejiang-xinjiang").render()
    legend = frame[drawing.HEAD + 2 * 150 + 14 :]
    assert pixels(legend[:, drawing.RIGHT - 4 :], PAPER).all()
    assert all(pixels(legend, colour).any() for colour in SOURCE_COLOURS.values())


@pytest.mark.parametrize("n_regions", [2, 8, 9, 20])
def test_regions_beyond_eight_are_summed_up(n_regions: int) -> None:
    env = rendered(f"scale-{n_regions}x100")
    played(env, 3)
    frame, film = env.render(), env._film
    assert film is not None
    assert film._layout.n_rows == min(n_regions, 8)
    assert frame.shape[0] <= 1120
    line = frame[film._layout.foot - drawing.REST + 8 : film._layout.foot, : drawing.WIDTH // 2]
    assert pixels(line, drawing.INK).any() == (n_regions > 8)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("render_mode", ["rgb_array", "ansi"])
def test_vectors_draw_what_single_environments_draw(mode: AutoresetMode, render_mode: Any) -> None:
    singles = SyncVectorEnv([lambda: ClusterEnv("toy", render_mode=render_mode)] * 3, autoreset_mode=mode)
    ours = ClusterVectorEnv("toy", 3, autoreset_mode=mode, render_mode=render_mode)
    singles.reset(seed=5)
    ours.reset(seed=5)
    ours.action_space.seed(1)
    for _ in range(30):
        actions = ours.action_space.sample()
        singles.step(actions)
        ours.step(actions)
        one, other = singles.render(), ours.render()
        assert isinstance(other, tuple)
        for a, b in zip(one or (), other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_gymnasium_makes_vectors_that_draw() -> None:
    env = gymnasium.make_vec(
        "wattward/Toy-v1", 2, vectorization_mode="vector_entry_point", render_mode="rgb_array", bank=2
    )
    env.reset(seed=0)
    drawn = env.render()
    assert drawn is not None
    assert len(drawn) == 2
    assert ClusterVectorEnv("toy", 2).render() is None
    with pytest.raises(ValueError, match="render_mode = 'human'"):
        ClusterVectorEnv("toy", 2, render_mode="human")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")  # of the encoder, which is not ours
def test_gymnasium_records_videos(tmp_path: Path) -> None:
    pytest.importorskip("moviepy", reason="RecordVideo needs moviepy, which comes with the extra video")
    env = gymnasium.wrappers.RecordVideo(
        gymnasium.make("wattward/Toy-v1", render_mode="rgb_array"), str(tmp_path), disable_logger=True
    )
    env.reset(seed=0)
    ended = False
    while not ended:
        ended = bool(env.step(env.action_space.sample())[2])
    env.close()
    assert next(tmp_path.glob("*.mp4")).stat().st_size > 10_000


@pytest.mark.parametrize("scenario", ["toy", "zhejiang-xinjiang", "eight-hubs", "pinghu-chilled-water"])
def test_text_fits_80_columns(scenario: str) -> None:
    env = ClusterEnv(scenario, render_mode="ansi")
    env.reset(seed=0)
    for n_steps in (0, 20):
        played(env, n_steps)
        text = env.render()
        assert isinstance(text, str)
        assert len(text.splitlines()) == 2 + env.scenario.n_regions
        assert max(map(len, text.splitlines())) <= 80
    decided = [line.split()[1] for line in text.splitlines()[2:]]
    assert set(decided) <= {mode.name for mode in Mode}


def test_orders_in_text() -> None:
    single = ClusterEnv("toy", render_mode="ansi")
    single.reset(options={"split": "validation", "episode": 0})
    while not single.outlook().jobs.number.size:
        single.step(np.array([Mode.HOLD, Mode.HOLD]))
    single.step(ordered_to(single, 0))
    assert [line.split()[1] for line in single.render().splitlines()[2:]] == ["jobs", "none"]
    assert all(len(line) <= 80 for line in single.render().splitlines())


def test_shares_in_text() -> None:
    env = ClusterEnv("toy", render_mode="ansi", action="shares")
    env.reset(seed=0)
    env.step(np.array([[1.0, 1.0], [0.3, 0.0]]))
    assert [line.split()[1] for line in env.render().splitlines()[2:]] == ["PULL", "part"]
