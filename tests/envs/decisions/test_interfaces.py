"""Action interfaces: spaces, checks, masks and error texts, and that every environment class takes each of them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray
from pettingzoo.test import parallel_api_test
from sb3_contrib import MaskablePPO
from stable_baselines3.common.env_checker import check_env as check_for_sb3

from wattward.configs import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.decisions.action import ActionInterface, Mode
from wattward.envs.decisions.joint import joint_to_modes, modes_to_joint
from wattward.envs.decisions.modes import ModeActions, allowed_modes
from wattward.envs.decisions.registry import INTERFACES, ActionChoice
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.pettingzoo_env import ParallelClusterEnv
from wattward.envs.interfaces.registration import ids_of
from wattward.envs.interfaces.sb3_env import FleetVecEnv
from wattward.envs.interfaces.vector_env import ClusterVectorEnv
from wattward.envs.kernels.fleet import Fleet
from wattward.envs.model.job_fields import JOB_AT, MARGIN_SHARE, N_JOB_NUMBERS, N_OPTION_NUMBERS
from wattward.envs.world.splits import choose

IDS = {"toy": "wattward/Toy-v1", "jinshuitan-microgrid": "wattward/JinshuitanMicrogrid-v1"}
"""A plain scenario, and one whose actions order a store."""


class Together(ModeActions):
    """An interface from outside: 0 holds everywhere, 1 runs; what may matter is observed beside the fields."""

    name: ClassVar[str] = "together"

    @property
    def space(self) -> spaces.Discrete:
        if not hasattr(self, "_space"):
            self._space = spaces.Discrete(2)
        return self._space

    def recognises(self, answer: object) -> bool:
        return np.shape(np.asarray(answer)) == ()

    def checked(self, action: Any, batch: int | None = None) -> NDArray[Any]:
        modes = np.where(np.asarray(action)[..., None] == 1, int(Mode.RUN), int(Mode.HOLD))
        return np.broadcast_to(modes, (*modes.shape[:-1], self.scenario.n_regions))

    def write(self, actions: NDArray[Any], fleet: Fleet) -> int:
        return super().write(super().checked(actions, len(actions) if actions.ndim == 2 else None), fleet)

    def observation_space(self, observed: spaces.Box) -> spaces.Dict:
        return spaces.Dict({"fields": observed, "mask": spaces.MultiBinary(4 * self.scenario.n_regions)})

    def observed(self, fleet: Fleet, which: int | slice) -> dict[str, NDArray[Any]]:
        n_regions = self.scenario.n_regions
        mask = self.masks(fleet).reshape(len(fleet.env), -1)[:, : 4 * n_regions].astype(np.int8)
        return {"fields": fleet.observations[which].copy(), "mask": mask[which].copy()}

    def agent_space(self, entries: Sequence[int]) -> spaces.Discrete:
        return spaces.Discrete(2)

    def joined(self, actions: Sequence[Any], entries: Sequence[Sequence[int]]) -> NDArray[Any]:
        return np.asarray(int(all(actions)))


KINDS: list[ActionChoice] = [*INTERFACES, Together]


@pytest.mark.parametrize("scenario", IDS)
@pytest.mark.parametrize("action", KINDS)
def test_the_checkers_of_gymnasium_sb3_and_pettingzoo_pass(scenario: str, action: ActionChoice) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "We recommend you to use a symmetric")  # shares are what they are
        warnings.filterwarnings("ignore", "Your observation (jobs|regions) has an unconventional shape")
        check_env(gymnasium.make(IDS[scenario], action=action).unwrapped, skip_render_check=True)
        check_for_sb3(gymnasium.make(IDS[scenario], action=action).unwrapped)
    parallel_api_test(ParallelClusterEnv(scenario, action=action), num_cycles=100)


@pytest.mark.parametrize("scenario", IDS)
@pytest.mark.parametrize("action", KINDS)
def test_all_environments_play_one_trajectory_from_the_same_decisions(scenario: str, action: ActionChoice) -> None:
    fleet = FleetVecEnv(scenario, 2, seed=4, action=action, reward="cost")
    number = choose(np.random.default_rng(np.random.SeedSequence(4).spawn(2)[1]))
    named = {"split": "train", "episode": number}
    single, team = ClusterEnv(scenario, action=action), ParallelClusterEnv(scenario, action=action)
    vector = ClusterVectorEnv(scenario, 2, action=action)
    first = single.reset(options=named)[0]
    assert_alike(first, fleet.reset(), 1)
    assert_alike(first, vector.reset(seed=0, options=named)[0], 1)
    team.reset(options=named)
    assert single.action_space == fleet.action_space == vector.single_action_space
    for agent, space in team.action_spaces.items():
        space.seed(len(agent))
    for _ in range(20):
        chosen = {agent: space.sample() for agent, space in team.action_spaces.items()}
        decision = single.interface.joined(list(chosen.values()), team._entries)
        assert single.action_space.contains(np.asarray(decision, single.action_space.dtype)[()])
        observation, reward, _, _, info = single.step(decision)
        both = np.stack([decision, decision])
        observations, rewards, _, _ = fleet.step(both)
        assert_alike(observation, observations, 1)
        assert rewards[1] == np.float32(reward)
        observations, rewards, _, _, infos = vector.step(both)
        assert_alike(observation, observations, 1)
        assert rewards[1] == reward and infos["total_cost"][1] == info["total_cost"]
        _, shared, _, _, of_agents = team.step(chosen)
        assert set(shared.values()) == {reward}
        assert {own["team_cost"] for own in of_agents.values()} == {info["total_cost"]}
        np.testing.assert_array_equal(team.state(), single.observed_fields())


def assert_alike(observation: Any, batch: Any, b: int) -> None:
    if isinstance(observation, dict):
        for name, part in observation.items():
            np.testing.assert_array_equal(part, batch[name][b])
    else:
        np.testing.assert_array_equal(observation, batch[b])


def assert_same(one: Any, two: Any) -> None:
    parts = zip(one.values(), two.values(), strict=True) if isinstance(one, dict) else [(one, two)]
    for left, right in parts:
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("action", INTERFACES)
def test_a_spec_makes_the_same_environment_again(action: str) -> None:
    env = gymnasium.make("wattward/JinshuitanMicrogrid-v1", action=action, reward="saving")
    assert env.spec is not None
    for spec in (env.spec, EnvSpec.from_json(env.spec.to_json())):
        again = gymnasium.make(spec)
        assert again.action_space == env.action_space and again.unwrapped.reward == "saving"
        assert_same(again.reset(seed=1)[0], env.reset(seed=1)[0])
    many = gymnasium.make_vec("wattward/Toy-v1", 2, vectorization_mode="vector_entry_point", action=action)
    assert many.single_action_space == ClusterEnv("toy", action=action).action_space


def test_spaces() -> None:
    sizes = {name: INTERFACES[name](load_scenario("jinshuitan-microgrid")).space for name in INTERFACES}
    assert sizes == {
        "modes": spaces.MultiDiscrete([4, 4, 4]),
        "shares": spaces.Box(0.0, 1.0, (4,), np.float32),
        "joint": spaces.Discrete(64),
        "jobs": spaces.MultiDiscrete([3] * 64 + [4]),
    }


@pytest.mark.parametrize(
    ("action", "wrong", "words"),
    [
        ("modes", np.array([0, 4]), "modes must lie in 0..3, got [0, 4]"),
        ("modes", np.array([0, -1]), "modes must lie in 0..3, got [0, -1]"),
        ("modes", np.array([0.0, 2.0]), "modes must be integers in 0..3, got float64 [0.0, 2.0]"),
        ("modes", np.array([1, 1, 1]), "action must have shape (2,), got (3,)"),
        ("shares", np.array([0.5, 1.5, 0.0, 0.0]), "shares must lie in 0..1, got [[0.5, 1.5], [0.0, 0.0]]"),
        ("shares", np.array([0.5, np.nan, 0.0, 0.0]), "shares must lie in 0..1, got [[0.5, nan], [0.0, 0.0]]"),
        ("shares", np.zeros(3), "action must have shape (4,) or (2, 2), got (3,)"),
        ("shares", np.array(["a"]), "shares must be numbers in 0..1, got"),
        ("joint", 16, "joint actions must lie in 0..15, got 16"),
        ("joint", -1, "joint actions must lie in 0..15, got -1"),
        ("joint", 1.0, "joint actions must be integers, got float64 1.0"),
        ("joint", np.array([1, 2, 3]), "action must have shape (), got (3,)"),
        ("jobs", np.full(64, 3), "orders must lie in 0..2, got [3, 3, 3, 3, 3]"),
        ("jobs", np.full(64, -1), "orders must lie in 0..2, got [-1, -1, -1, -1, -1]"),
        ("jobs", np.zeros(64), "orders must be integers in 0..2, got float64"),
        ("jobs", np.zeros(63, int), "action must have shape (64,), got (63,)"),
    ],
)
def test_what_is_wrong_with_an_action_is_said(action: str, wrong: Any, words: str) -> None:
    env = ClusterEnv("toy", action=action)
    env.reset(seed=0)
    before = env.save()
    with pytest.raises(ValueError, match=re.escape(words)):
        env.step(wrong)
    assert all((a == b).all() for a, b in zip(before, env.save(), strict=True))


@pytest.mark.parametrize(
    ("action", "wrong", "words"),
    [
        ("modes", np.array([[0, 0], [0, 4]]), "modes must lie in 0..3, got [0, 4] in environment 1"),
        ("modes", np.array([0, 0]), "actions must have shape (2, 2), got (2,)"),
        ("shares", np.zeros((2, 3)), "actions must have shape (2, 4) or (2, 2, 2), got (2, 3)"),
        ("joint", np.array([1, 16]), "joint actions must lie in 0..15, got [1, 16]"),
        ("joint", np.array([[1], [2]]), "actions must have shape (2,), got (2, 1)"),
        ("jobs", np.zeros((1, 64), int), "actions must have shape (2, 64), got (1, 64)"),
        ("jobs", np.full((2, 64), 4), "orders must lie in 0..2, got [4, 4, 4, 4, 4]"),
    ],
)
def test_vectors_say_the_same(action: str, wrong: Any, words: str) -> None:
    vector, fleet = ClusterVectorEnv("toy", 2, action=action), FleetVecEnv("toy", 2, seed=0, action=action)
    vector.reset(seed=0)
    fleet.reset()
    for env in (vector, fleet):
        with pytest.raises(ValueError, match=re.escape(words)):
            env.step(wrong)


@pytest.mark.parametrize(
    ("action", "wrong", "words"),
    [
        ("modes", np.array([1, 2]), "action of 'NAME' must be of Discrete(4), got"),
        ("shares", np.zeros(3), "action of 'NAME' must be of Box(0.0, 1.0, (2,), float32), got"),
        ("joint", 4, "action of 'NAME' must be of Discrete(4), got 4"),
        ("jobs", 4, "action of 'NAME' must be of MultiDiscrete"),
    ],
)
def test_an_agents_wrong_action_names_the_agent(action: str, wrong: Any, words: str) -> None:
    env = ParallelClusterEnv("toy", action=action)
    env.reset(seed=0)
    actions = {agent: space.sample() for agent, space in env.action_spaces.items()}
    last = env.agents[-1]
    with pytest.raises(ValueError, match=re.escape(words.replace("NAME", last))):
        env.step({**actions, last: wrong})


def test_an_unknown_interface_is_named() -> None:
    words = "action = 'jons': must be one of 'modes', 'shares', 'joint', 'jobs'"
    makers = (
        lambda: ClusterEnv("toy", action="jons"),
        lambda: ClusterVectorEnv("toy", 2, action="jons"),
        lambda: FleetVecEnv("toy", 2, seed=0, action="jons"),
        lambda: ParallelClusterEnv("toy", action="jons"),
    )
    for make in makers:
        with pytest.raises(ValueError, match=re.escape(words)):
            make()


def test_too_many_joint_actions_are_refused() -> None:
    pair = load_scenario("toy")
    crowd = Scenario.model_construct(**{**dict(pair), "regions": pair.regions * 16})
    with pytest.raises(ValueError, match="32 regions and stores have more actions than a 64-bit number counts"):
        _ = INTERFACES["joint"](crowd).space


@pytest.mark.parametrize("action", INTERFACES)
def test_every_environment_takes_every_answer_of_a_policy(action: str) -> None:
    plain, other = ClusterEnv("jinshuitan-microgrid"), ClusterEnv("jinshuitan-microgrid", action=action)
    plain.reset(seed=2)
    other.reset(seed=2)
    rng = np.random.default_rng(0)
    for answer in (np.array([3, 1]), np.array([3, 1, 2]), rng.random((2, 2)), rng.random(4), np.int64(27), [0, 2]):
        one, two = plain.step(answer), other.step(answer)
        np.testing.assert_array_equal(plain.observed_fields(), other.observed_fields())
        assert one[1:4] == two[1:4] and one[4].items() <= two[4].items()


@pytest.mark.parametrize("env_id", ids_of("jobs"))
def test_every_world_can_be_played_job_by_job(env_id: str) -> None:
    env = gymnasium.make(env_id, rows=100, beyond="wait")
    observation, info = env.reset(seed=3)
    assert info["jobs_beyond"] == 0 and env.observation_space.contains(observation)
    env.action_space.seed(3)
    for _ in range(20):
        observation, reward, *_, info = env.step(env.action_space.sample())
    assert env.observation_space.contains(observation) and np.isfinite(reward)
    assert observation["jobs"].shape[0] == observation["mask"].shape[0] == 100


def test_jobs_beyond_the_rows_are_counted_and_follow_their_rule() -> None:
    held = {}
    for beyond in ("run", "wait"):
        env = gymnasium.make("wattward/ZhejiangXinjiangJobs-v1", rows=3, beyond=beyond).unwrapped
        env.reset(options={"episode": 0})
        held[beyond] = 0.0
        for _ in range(60):
            *_, info = env.step(env.action_space.nvec * 0)
            held[beyond] += env.flows.held_gpus.sum()
        assert info["jobs_beyond"] == env._simulator.fleet.env["n_movable"][0] - 3 > 0
    assert held["run"] > 0.0 and held["wait"] == 0.0


@pytest.mark.parametrize(
    ("options", "words"), [({"rows": 2}, "rows = 2: must be more than 2"), ({"beyond": "go"}, "'go'")]
)
def test_options_of_jobs_are_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        gymnasium.make("wattward/ToyJobs-v1", **options)


def test_joint_ids_are_discrete() -> None:
    assert {env_id.split("/")[1] for env_id in ids_of("joint")} >= {"ToyJoint-v1", "RandomJoint-v1"}
    for env_id in ("wattward/ToyJoint-v1", "wattward/RandomJoint-v1"):
        assert isinstance(gymnasium.make(env_id).action_space, spaces.Discrete)


def test_observed_jobs_are_those_of_the_outlook() -> None:
    env = ClusterEnv("zhejiang-xinjiang", action="jobs")
    env.reset(options={"episode": 5})
    env.action_space.seed(5)
    seen = 0
    for _ in range(150):
        observation, *_ = env.step(env.action_space.sample())
        outlook, jobs = env.outlook(), env.outlook().jobs
        free = np.flatnonzero(~(jobs.locked | jobs.in_transit))[:64]
        rows = observation["jobs"][: len(free)]
        seen += len(free)
        assert rows[:, JOB_AT.present].all() and not observation["jobs"][len(free) :].any()
        hours = (jobs.expected_gpu_h / jobs.gpus)[free]
        expected = {
            "gpus": (jobs.gpus / outlook.fleet_gpus[jobs.region])[free],
            "left": hours / (1.0 + hours),
            "slack": np.clip(jobs.slack_h[free] / 24.0, -2.0, 4.0),
            "deadline": np.clip(jobs.hours_to_deadline[free] / 24.0, -2.0, 4.0),
            "malleable": jobs.malleable[free],
            "preemptible": jobs.preemptible[free],
            "running": jobs.running[free],
            "paused": jobs.paused[free],
            "held": (jobs.held_gpus / jobs.gpus)[free],
        }
        for name, values in expected.items():
            np.testing.assert_allclose(rows[:, getattr(JOB_AT, name)], values, atol=1e-5, err_msg=name)
        classes = rows[:, N_JOB_NUMBERS : N_JOB_NUMBERS + len(env.scenario.job_classes)]
        np.testing.assert_array_equal(classes.argmax(axis=1), jobs.job_class[free])
        options = rows[:, N_JOB_NUMBERS + classes.shape[1] :].reshape(len(free), 2, N_OPTION_NUMBERS)
        np.testing.assert_array_equal(options[:, :, JOB_AT.here].argmax(axis=1), jobs.region[free])
        room = np.minimum(2.0, outlook.free_gpus / jobs.gpus[free, None])
        np.testing.assert_allclose(options[:, :, JOB_AT.room], room, rtol=1e-5)
        assert (options[:, :, JOB_AT.best_price] <= options[:, :, JOB_AT.price] + 1e-6).all()
        per_gpu = outlook.price_per_kwh * outlook.kw_per_rested_gpu
        covered = np.minimum(1.0, outlook.surplus_forecast_gpus[0] / outlook.fleet_gpus / MARGIN_SHARE)
        if len(free) and outlook.jobs.locked.sum() == 0:
            wanted = per_gpu * (1.0 - covered)
            got = options[0, :, JOB_AT.price]
            np.testing.assert_allclose(got[0] * wanted[1], got[1] * wanted[0], atol=1e-4)
        assert observation["mask"][: len(free), 0].all()
        here = observation["mask"][np.arange(len(free)), 1 + jobs.region[free]]
        assert here.all() and not observation["mask"][len(free) :, 1:].any()
    assert seen > 1000


def test_joint_actions_are_base_four_digits() -> None:
    joint = np.arange(256)
    modes = joint_to_modes(joint, 4)
    assert modes[27].tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(modes_to_joint(modes), joint)


def test_masks_are_those_of_the_modes() -> None:
    env, joint = ClusterEnv("zhejiang-xinjiang"), ClusterEnv("zhejiang-xinjiang", action="joint")
    env.reset(options={"episode": 3})
    joint.reset(options={"episode": 3})
    masked = 0
    for _ in range(60):
        allowed = allowed_modes(env.observed_fields(), 2)
        np.testing.assert_array_equal(env.action_masks(), allowed.ravel())
        np.testing.assert_array_equal(joint.action_masks(), np.outer(allowed[0], allowed[1]).ravel())
        masked += int((~allowed).sum())
        env.step(np.array([2, 3]))
        joint.step(11)
    assert masked > 0
    extended = ClusterEnv("jinshuitan-microgrid")
    extended.reset(seed=0)
    assert extended.action_masks().shape == (12,) and extended.action_masks().all()
    with pytest.raises(ValueError, match="action = 'shares': there are no choices to mask"):
        ClusterEnv("toy", action="shares").action_masks()


@pytest.mark.parametrize("action", ["modes", "joint"])
def test_maskable_ppo_finds_the_masks(action: str) -> None:
    model = MaskablePPO("MlpPolicy", ClusterEnv("toy", action=action), n_steps=32, batch_size=32, n_epochs=1, seed=0)
    model.learn(32)
    masks = model.rollout_buffer.action_masks.reshape(32, -1)
    assert (masks == 0.0).any() and (masks[:, 0] == 1.0).all()


def test_an_interface_is_taken_as_an_object_too() -> None:
    made = INTERFACES["joint"](load_scenario("toy"))
    assert isinstance(made, ActionInterface)
    env = ClusterEnv("toy", action=made)
    assert env.interface is made and env.action_space == spaces.Discrete(16)
