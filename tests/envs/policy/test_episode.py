"""One loop plays an episode: what it sums, what it keeps, and how it tells that a method failed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from wattward import baselines
from wattward.configs import ConfigError
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import COST_TERMS
from wattward.envs.policy.episode import COSTS, Trajectory, begin_episode, play_episode
from wattward.envs.policy.orders import Orders
from wattward.envs.policy.outlook import Outlook

ALL = ("decisions", "modes", "observations", "outlooks", "flows", "class_gpu_h", "snapshots")


class Says:
    """A policy that answers what a function gives for the step."""

    name = "Says"

    def __init__(self, answer: Callable[[Outlook], Any], sees: str = "what may be known") -> None:
        self.answer, self.sees = answer, sees

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def act(self, outlook: Outlook) -> Any:
        """Whatever it is."""
        return self.answer(outlook)


def play(policy: Any, env: Any = None, **options: Any) -> Trajectory:
    return play_episode(
        policy, env or ClusterEnv("toy"), split="test", episode=2, rng=np.random.default_rng(0), **options
    )


def run_all(outlook: Outlook) -> Any:
    return np.full(outlook.n_regions, 2)


def test_a_trajectory_holds_the_episode() -> None:
    env = ClusterEnv("toy")
    did = play(baselines.make("PeakOffset-modes"), env, keep=ALL)
    steps, regions = env.scenario.n_steps, env.scenario.n_regions
    assert (did.method, did.scenario) == ("PeakOffset-modes", "toy")
    assert (did.split, did.episode, did.n_steps) == ("test", 2, steps)
    assert did.flows.grid_kw.shape == (steps, regions) and did.class_gpu_h.shape[:2] == (steps, regions)
    assert did.decisions.shape == (steps, regions) and len(did.snapshots) == steps + 1
    np.testing.assert_array_equal(did.modes, did.decisions)
    np.testing.assert_allclose(did.class_gpu_h.sum(axis=2), did.flows.done_gpu_h)
    np.testing.assert_array_equal([seen.observation for seen in did.outlooks], did.observations)
    assert [seen.step for seen in did.outlooks] == list(range(steps))
    for term in COST_TERMS:
        assert did.costs[term] == pytest.approx(getattr(did.flows, term).sum())
        assert did.costs[term] == pytest.approx(did.kpis[term])
    assert did.total_cost == pytest.approx(did.step_cost.sum()) == pytest.approx(did.kpis["total_cost"])
    assert did.decision_us.shape == (steps,) and (did.decision_us > 0).all()


def test_a_trajectory_holds_orders_and_the_modes_nearest_to_them() -> None:
    """All jobs are told to run in the second region; in the last steps they wait."""

    def told(outlook: Outlook) -> Orders:
        return Orders(np.full(outlook.jobs.number.size, 1 if outlook.step < 20 else -1))

    did, seen = play(Says(told), keep=ALL), set()
    assert did.decisions.shape == (did.n_steps,) and all(isinstance(orders, Orders) for orders in did.decisions)
    for step, outlook in enumerate(did.outlooks):
        regions = set(outlook.jobs.region[~outlook.jobs.in_transit].tolist())
        there = Mode.PULL if 0 in regions else Mode.RUN if 1 in regions else Mode.HOLD
        assert did.modes[step].tolist() == [Mode.HOLD, there if step < 20 else Mode.HOLD]
        seen.add(there)
    assert seen == {Mode.HOLD, Mode.RUN, Mode.PULL}


def test_wrong_orders_are_the_policys_fault_whatever_is_kept() -> None:
    for keep in ((), ("modes",)):
        for wrong, message in ((np.zeros(99, np.int64), "run_in must hold"), (None, "run_in must hold")):
            with pytest.raises(ConfigError, match=rf"method .*, step 0: it answered Orders.*: {message}"):
                play(Says(lambda outlook, told=wrong: Orders(told)), keep=keep)


def test_what_was_not_asked_for_is_not_kept() -> None:
    did = play(baselines.make("RunOnArrival"))
    for what in ALL:
        with pytest.raises(ValueError, match=f"{what} of this trajectory were not kept"):
            getattr(did, what)


def test_a_decision_is_held() -> None:
    asked = list[int]()
    did = play(
        Says(lambda outlook: asked.append(outlook.step) or run_all(outlook)), hold=5, keep=("decisions", "flows")
    )
    assert asked == list(range(0, did.n_steps, 5)) and len(did.decisions) == len(asked)
    assert did.total_cost == play(baselines.make("RunOnArrival")).total_cost
    assert len(did.flows.grid_kw) == did.n_steps


def test_only_a_diagnostic_is_shown_everything() -> None:
    seen = list[bool]()
    for sees in ("what may be known", "everything"):
        play(Says(lambda outlook: seen.append(outlook.is_perfect) or run_all(outlook), sees))
    half = len(seen) // 2
    assert not any(seen[:half]) and all(seen[half:])


def leaves(_: Outlook) -> Any:
    raise SystemExit(3)


def fails(_: Outlook) -> Any:
    raise KeyError("no such region")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: None, "it answered None: "),
        (lambda _: np.full((2, 2), np.nan), r"it answered array.*: shares must lie in 0\.\.1"),
        (lambda _: np.array([np.nan, 1.0]), "it answered array"),
        (lambda _: np.array([2, 2, 2]), r"it answered array.*must have shape \(2,\)"),
        (lambda _: np.array([2, 9]), "it answered array.*must lie in 0"),
        (lambda _: "run", "it answered 'run'"),
        (leaves, "it raised SystemExit: 3"),
        (fails, "it raised KeyError: 'no such region'"),
    ],
)
def test_a_method_that_fails_is_told_in_a_line(answer: Callable[[Outlook], Any], said: str) -> None:
    def later(outlook: Outlook) -> Any:
        return answer(outlook) if outlook.step == 3 else run_all(outlook)

    with pytest.raises(ConfigError, match=f"^method Says, scenario toy, test episode 2, step 3: {said}"):
        play(Says(later))


def test_a_reset_that_fails_is_told_and_one_that_refuses_speaks_for_itself() -> None:
    class Refuses(Says):
        def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
            raise self.answer(outlook)

    rng = np.random.default_rng(0)
    with pytest.raises(
        ConfigError, match="method Says, scenario toy, test episode 0, step 0: its reset raised Runtime"
    ):
        begin_episode(
            Refuses(lambda _: RuntimeError("no weights")), ClusterEnv("toy"), split="test", episode=0, rng=rng
        )
    with pytest.raises(ConfigError, match=r"^trained elsewhere"):
        begin_episode(
            Refuses(lambda _: ConfigError("trained elsewhere")), ClusterEnv("toy"), split="test", episode=0, rng=rng
        )


def test_a_cost_that_is_not_finite_stops_the_episode() -> None:
    class Broken:
        scenario = SimpleNamespace(name="broken")

        def reset(self, **_: Any) -> tuple[None, dict[str, Any]]:
            return None, {}

        def outlook(self) -> Outlook:
            return cast("Outlook", SimpleNamespace(step=0, n_regions=1))

        def step(self, _: Any) -> tuple[None, float, bool, bool, dict[str, float]]:
            return None, 0.0, False, False, dict.fromkeys(COSTS, float("nan"))

    with pytest.raises(ConfigError, match=r"^method Says, scenario broken, test episode 2, step 0: the step costs nan"):
        play(Says(run_all), Broken())
