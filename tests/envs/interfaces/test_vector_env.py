from __future__ import annotations

import copy
import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from wattward.configs import ConfigError, load_scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.vector_env import ClusterVectorEnv
from wattward.envs.kernels.codes import RewardKind
from wattward.envs.simulator import source
from wattward.envs.simulator.source import EpisodeBank


def assert_same(one: Any, other: Any) -> None:
    """Equal to the last bit, whatever is nested in what."""
    if isinstance(one, dict):
        assert set(one) == set(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (tuple, list)) or (isinstance(one, np.ndarray) and one.dtype == object):
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        np.testing.assert_array_equal(one, other)


def side_by_side(scenario: str, num_envs: int, mode: AutoresetMode, **kwargs: Any) -> tuple[SyncVectorEnv, Any]:
    """Gymnasium's own vector of single environments, and ours."""
    loaded = load_scenario(scenario)
    singles = SyncVectorEnv([lambda: ClusterEnv(loaded, **kwargs)] * num_envs, autoreset_mode=mode)
    return singles, ClusterVectorEnv(loaded, num_envs, autoreset_mode=mode, **kwargs)


@pytest.mark.parametrize(
    ("mode", "reward"),
    [(AutoresetMode.NEXT_STEP, "shaped"), (AutoresetMode.SAME_STEP, "saving"), (AutoresetMode.DISABLED, "cost")],
)
def test_1000_seeds_play_as_single_environments(mode: AutoresetMode, reward: RewardKind) -> None:
    """A toy episode and more of a thousand environments: all that `reset` and `step` return, infos included."""
    singles, ours = side_by_side("toy", 1000, mode, reward=reward)
    rng = np.random.default_rng(7)
    assert_same(singles.reset(seed=100), ours.reset(seed=100))
    for _ in range(30):
        actions = rng.integers(0, 4, (1000, 2))
        one, other = singles.step(actions), ours.step(actions)
        assert_same(one, other)
        if mode is AutoresetMode.DISABLED and one[2].any():
            mask = one[2].copy()
            assert_same(singles.reset(options={"reset_mask": mask}), ours.reset(options={"reset_mask": mask}))


@pytest.mark.parametrize("action", ["modes", "shares"])
def test_the_pair_plays_as_single_environments(action: str) -> None:
    singles, ours = side_by_side("zhejiang-xinjiang", 6, AutoresetMode.NEXT_STEP, action=action, split="validation")
    ours.action_space.seed(3)
    for seed in ([5, 4, 7, 9, 9, 0], 2):
        assert_same(singles.reset(seed=seed), ours.reset(seed=seed))
    for _ in range(680):
        actions = ours.action_space.sample()
        assert_same(singles.step(actions), ours.step(actions))


def test_gymnasium_makes_it() -> None:
    env = gymnasium.make_vec("wattward/Toy-v1", num_envs=3, vectorization_mode="vector_entry_point", bank=2, threads=2)
    assert isinstance(env, ClusterVectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    observations, infos = env.reset(seed=0)
    assert observations in env.observation_space
    assert set(infos["episode"]) <= {0, 1}
    single = gymnasium.make("wattward/Toy-v1", bank=env.unwrapped._episodes.bank)
    np.testing.assert_array_equal(single.reset(seed=1)[0], observations[1])


@pytest.mark.parametrize("draw_ahead", [0, 1, 5, 40])
def test_what_is_drawn_ahead_changes_nothing(draw_ahead: int) -> None:
    plain, ahead = ClusterVectorEnv("toy", 5, draw_ahead=0), ClusterVectorEnv("toy", 5, draw_ahead=draw_ahead)
    rng = np.random.default_rng(1)
    for seed in (3, None, 8):
        assert_same(plain.reset(seed=seed), ahead.reset(seed=seed))
        for _ in range(60):
            actions = rng.integers(0, 4, (5, 2))
            assert_same(plain.step(actions), ahead.step(actions))


def test_threads_change_nothing() -> None:
    one, two = ClusterVectorEnv("toy", 7), ClusterVectorEnv("toy", 7, threads=2)
    rng = np.random.default_rng(1)
    assert_same(one.reset(seed=0), two.reset(seed=0))
    for _ in range(60):
        actions = rng.integers(0, 4, (7, 2))
        assert_same(one.step(actions), two.step(actions))


def test_a_bank_gives_the_episodes_it_holds(tmp_path: Path) -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    bank = EpisodeBank.drawn(scenario, [4, 9, 2], split="validation")
    bank.save(tmp_path / "bank")
    mapped = EpisodeBank.loaded(tmp_path / "bank", scenario)
    fleet = ClusterVectorEnv(scenario, 4, bank=mapped, reward="shaped", split="validation")
    _, infos = fleet.reset(seed=11)
    for b in range(4):
        single = ClusterEnv(scenario, bank=bank, reward="shaped", split="validation")
        _, info = single.reset(seed=11 + b)
        assert info == {"split": "validation", "episode": infos["episode"][b]}
        drawn = ClusterEnv(scenario, reward="shaped")
        observation, _ = drawn.reset(options=info)
        np.testing.assert_array_equal(observation, fleet._simulator.fleet.observations[b])
        np.testing.assert_array_equal(single.world.sun_kw, drawn.world.sun_kw)
    modes = np.random.default_rng(0).integers(0, 4, (50, 4, 2))
    ours = [fleet.step(m) for m in modes]
    for m, step in zip(modes, ours, strict=True):
        one = drawn.step(m[3])
        np.testing.assert_array_equal(one[0], step[0][3])
        assert one[1] == step[1][3]


def test_banks_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    toy, pair = load_scenario("toy"), load_scenario("zhejiang-xinjiang")
    bank = EpisodeBank.drawn(toy, range(2))
    bank.save(tmp_path / "bank")
    with pytest.raises(ConfigError, match="exists; a bank is written into a new folder"):
        bank.save(tmp_path / "bank")
    with pytest.raises(ConfigError, match="episodes of another scenario than zhejiang-xinjiang"):
        EpisodeBank.loaded(tmp_path / "bank", pair)
    with pytest.raises(ConfigError, match="episodes of another scenario than zhejiang-xinjiang"):
        ClusterEnv(pair, bank=bank)
    with pytest.raises(ConfigError, match="not a readable bank"):
        EpisodeBank.loaded(tmp_path / "nothing", toy)
    with pytest.raises(ConfigError, match="at least one episode"):
        EpisodeBank.drawn(toy, [])
    (tmp_path / "bank" / "bank.json").write_text('{"layout": "old"}')
    with pytest.raises(ConfigError, match="written by another version"):
        EpisodeBank.loaded(tmp_path / "bank", toy)
    env = ClusterEnv(toy, bank=bank)
    with pytest.raises(ValueError, match="episode = 7: not in the bank, which holds 2 episodes of the train split"):
        env.reset(options={"episode": 7})
    with pytest.raises(ValueError, match="shared cannot be changed"):
        env.start(ClusterEnv(toy).world)


def test_a_copied_or_pickled_vector_goes_on_by_itself() -> None:
    env = ClusterVectorEnv("toy", 3, reward="shaped")
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        env.step(rng.integers(0, 4, (3, 2)))
    twins = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    futures = rng.integers(0, 4, (40, 3, 2))
    mine = [env.step(actions) for actions in futures]
    for twin in twins:
        for actions, step in zip(futures, mine, strict=True):
            assert_same(twin.step(actions), step)


def test_bad_arguments_are_named() -> None:
    for wrong, message in (
        ({"num_envs": 0}, "num_envs = 0: must be at least 1"),
        ({"num_envs": 1, "threads": 10_000}, r"threads = 10000: must lie in 1\.\."),
        ({"num_envs": 1, "draw_ahead": -1}, "draw_ahead = -1: must be 0 or more"),
        ({"num_envs": 1, "split": "exam"}, "split = 'exam': must be one of"),
        ({"num_envs": 1, "bank": 2, "draw_ahead": 1}, "a bank's episodes are all drawn ahead"),
        ({"num_envs": 1, "autoreset_mode": "never"}, "never"),
    ):
        with pytest.raises(ValueError, match=message):
            ClusterVectorEnv("toy", **wrong)
    env = ClusterVectorEnv("toy", 2, autoreset_mode=AutoresetMode.DISABLED)
    with pytest.raises(ValueError, match="seed holds 3 numbers: must be one for each of 2"):
        env.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="reset_mask must be an array of 2 booleans"):
        env.reset(options={"reset_mask": np.array([True])})
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions must have shape \(2, 2\), got \(2,\)"):
        env.step(np.array([1, 1]))
    before = env._simulator.save()
    with pytest.raises(ValueError, match=r"modes must lie in 0\.\.3, got \[1, 4\] in environment 1"):
        env.step(np.array([[1, 1], [1, 4]]))
    after = env._simulator.save()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    for _ in range(24):
        env.step(np.ones((2, 2), np.int64))
    with pytest.raises(ValueError, match=r"the episode of environment 0 is over; call reset\(\)"):
        env.step(np.ones((2, 2), np.int64))


def played_on(fleet: ClusterVectorEnv, steps: int, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [fleet.step(rng.integers(0, 4, (fleet.num_envs, 2))) for _ in range(steps)]


@pytest.mark.parametrize("reward", ["cost", "saving"])
def test_another_thread_that_draws_changes_nothing(reward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing, alone = (ClusterVectorEnv("toy", 5, reward=reward, draw_ahead=5) for _ in range(2))
    assert_same(drawing.reset(seed=3), alone.reset(seed=3))
    ours = played_on(drawing, 130, 1)
    monkeypatch.setattr(source, "the_drawer", lambda: None)
    for mine, theirs in zip(ours, played_on(alone, 130, 1), strict=True):
        assert_same(mine, theirs)


def test_a_copy_made_while_episodes_are_drawn_goes_on_alike() -> None:
    fleet = ClusterVectorEnv("toy", 5, draw_ahead=5)
    fleet.reset(seed=3)
    played_on(fleet, 40, 1)
    twin = copy.deepcopy(fleet)
    for mine, theirs in zip(played_on(fleet, 100, 2), played_on(twin, 100, 2), strict=True):
        assert_same(mine, theirs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_draws_again_what_its_parent_had_begun() -> None:
    fleet = ClusterVectorEnv("toy", 5, draw_ahead=5)
    fleet.reset(seed=3)
    played_on(fleet, 40, 1)
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.write(writer, digest_of_steps(played_on(fleet, 60, 2)))
        finally:
            os._exit(0)
    os.close(writer)
    assert os.read(reader, 64) == digest_of_steps(played_on(fleet, 60, 2))
    os.wait()


def digest_of_steps(steps: list[Any]) -> bytes:
    return hashlib.sha256(b"".join(step[0].tobytes() + step[1].tobytes() for step in steps)).digest()
