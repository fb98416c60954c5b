"""Running an episode, pairing, and the references kept beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from wattward.configs import ConfigError
from wattward.configs.schema.suite import Suite
from wattward.envs.model.types import COST_TERMS
from wattward.envs.policy.episode import play_episode
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes
from wattward.experiments.common.records import FAILURE
from wattward.experiments.evaluation import playing
from wattward.experiments.evaluation import worlds as worlds_module
from wattward.experiments.evaluation.methods import Method, method, policy_seed
from wattward.experiments.evaluation.playing import evaluate, references
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.leaderboard.suites import methods_of

TOY = Worlds("toy")


class ThreeSteps:
    """Three steps that charge one yuan a term and mode; remembers what was asked of it."""

    scenario = SimpleNamespace(name="three-steps")

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.step_now = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.options, self.step_now = options or {}, 0
        return None, {}

    def outlook(self, *, perfect: bool = False) -> Outlook:
        assert not perfect
        return cast("Outlook", SimpleNamespace(step=self.step_now, n_regions=2))

    def step(self, action: Modes) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.step_now += 1
        info: dict[str, Any] = dict.fromkeys(COST_TERMS, float(action.sum()))
        info["total_cost"] = float(action.sum()) * len(COST_TERMS)
        ended = self.step_now == 3
        if ended:
            info["kpis"] = {"green_share": 0.25}
        return None, 0.0, ended, False, info


class Counting:
    """A policy that answers the number of times it was asked since its last reset."""

    name = "Counting"

    def __init__(self) -> None:
        self.asked, self.drawn = 99, 0.0

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        assert outlook.step == 0
        self.asked, self.drawn = 0, float(rng.random())

    def act(self, outlook: Outlook) -> Modes:
        assert outlook.step == self.asked
        self.asked += 1
        return np.full(outlook.n_regions, self.asked, dtype=np.int64)


def test_an_episode_is_reset_played_to_its_end_and_added_up() -> None:
    env, policy = ThreeSteps(), Counting()
    played = play_episode(policy, env, split="validation", episode=7, rng=np.random.default_rng(0))
    assert env.options == {"split": "validation", "episode": 7}
    assert played.costs["energy_cost"] == 2 * (1 + 2 + 3)
    assert played.total_cost == len(COST_TERMS) * 12.0
    assert played.kpis["green_share"] == 0.25
    assert (played.decision_us > 0).all()


def test_policies_draw_the_same_chance_in_the_same_episode_only() -> None:
    def drawn(who: Method, episode: int, seed: int = 0) -> float:
        policy = Counting()
        rng = np.random.default_rng(policy_seed(who, episode, seed))
        play_episode(policy, ThreeSteps(), split="test", episode=episode, rng=rng)
        return policy.drawn

    ours = Method("Random")
    assert drawn(ours, 3) == drawn(ours, 3)
    others = {
        drawn(ours, 4),
        drawn(ours, 3, seed=1),
        drawn(Method("Other"), 3),
        drawn(Method("Random", train_seed=1), 3),
    }
    assert len(others | {drawn(ours, 3)}) == 5


def test_the_floor_scores_nothing_and_the_bound_is_below_everyone(tmp_path: Path) -> None:
    for name in ("RunOnArrival", "Random", "PeakOffset"):
        for record in evaluate(method(name), TOY, range(2), tmp_path):
            cost, floor, ceiling = (
                float(record[key] or 0.0) for key in ("total_cost", "run_on_arrival_cost", "bound_cost")
            )
            assert ceiling <= cost
            assert record["score"] == pytest.approx((floor - cost) / (floor - ceiling))
            assert record["saving"] == pytest.approx(1.0 - cost / floor)
            assert cost == pytest.approx(sum(float(record[term] or 0.0) for term in COST_TERMS))
            if name == "RunOnArrival":
                assert record["score"] == pytest.approx(0.0)


def test_everyone_meets_the_same_episodes_in_any_order(tmp_path: Path) -> None:
    who = method("Random")
    together = evaluate(who, TOY, range(3), tmp_path)
    alone = evaluate(who, TOY, range(2, 3), tmp_path)
    assert [record["episode"] for record in together] == [0, 1, 2]
    assert {**together[2], "decision_us": 0} == {**alone[0], "decision_us": 0}


def test_references_are_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = references(TOY, 0, tmp_path)
    assert first.bound_cost < first.run_on_arrival_cost
    monkeypatch.setattr(playing, "play_episode", None)
    assert references(TOY, 0, tmp_path) == first
    with pytest.raises(TypeError):
        references(TOY, 1, tmp_path)


def test_worlds_are_named_by_what_is_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {worlds.name() for worlds in (TOY, Worlds("toy", "train"), Worlds("zhejiang-xinjiang"))}
    assert len(names) == 3
    before = TOY.name()
    monkeypatch.setattr(worlds_module, "code_and_packages", lambda **_: "another simulator")
    assert TOY.name() != before


def test_a_policy_of_another_world_is_found_before_any_episode() -> None:
    class Misfit(Method):
        def policy(self) -> Any:
            class Refusing(Counting):
                def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
                    raise ConfigError("trained elsewhere")

            return Refusing()

    with pytest.raises(ConfigError, match="trained elsewhere"):
        playing.check_fit([Misfit("Misfit")], TOY)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ConfigError, match="split 'tset': must be one of train, validation, test"):
        playing.check_fit([], Worlds("toy", "tset"))


def test_a_score_above_one_stops_the_run(tmp_path: Path) -> None:
    who, rng = method("RunOnArrival"), range(1)
    found = references(TOY, 0, tmp_path)
    within = replace(found, bound_cost=found.run_on_arrival_cost * (1.0 + 1e-12))
    assert playing.play(who, TOY, rng, [within])[0]["score"] is None
    wrong = replace(found, bound_cost=found.run_on_arrival_cost * 1.01)
    told = r"^method RunOnArrival, scenario toy, test episode 0: RunOnArrival costs .*, less than the hindsight bound"
    with pytest.raises(ConfigError, match=told):
        playing.play(who, TOY, rng, [wrong])


def test_a_method_that_fails_in_an_episode_says_why_and_plays_the_others(tmp_path: Path) -> None:
    class Failing(Method):
        def policy(self) -> Any:
            return Fails()

    class Fails(Counting):
        def act(self, outlook: Outlook) -> Modes:
            if outlook.step == 2 and self.drawn == drawn:
                raise KeyError("no such region")
            return np.full(outlook.n_regions, 2, dtype=np.int64)

    who = Failing("Fails")
    drawn = float(np.random.default_rng(policy_seed(who, 1, 0)).random())
    played = evaluate(who, TOY, range(3), tmp_path)
    assert [record.get(FAILURE) for record in played] == [None, "step 2: it raised KeyError: 'no such region'", None]
    assert [record["score"] is None for record in played] == [False, True, False]
    assert "total_cost" not in played[1] and played[1]["bound_cost"] is not None


def test_a_diagnostic_may_be_evaluated_and_is_never_ranked() -> None:
    suite = Suite(name="mine", title="Mine", scenarios=("toy",), episodes=1, rules=("RunOnArrival",))
    assert [who.name for who in methods_of(suite, "toy", learned=False)] == ["RunOnArrival"]
    with pytest.raises(ConfigError, match="suite mine: MPC-24-perfect sees the future"):
        methods_of(suite, "toy", learned=False, more=["MPC-24-perfect"])
    with pytest.raises(ConfigError, match="suite mine: MPC-24-perfect sees the future"):
        methods_of(suite.model_copy(update={"also": ("MPC-24-perfect",)}), "toy", learned=False)
    assert method("MPC-24-perfect").is_diagnostic and not method("MPC-24").is_diagnostic
