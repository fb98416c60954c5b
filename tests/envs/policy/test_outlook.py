"""What a policy sees: a snapshot that cannot be written and leads to nothing that it must not know."""

from __future__ import annotations

import gc
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wattward import baselines
from wattward.configs import ConfigError
from wattward.envs.checks.balances import played_cost
from wattward.envs.checks.worlds import arrays_of, forecasts_of
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND, Exogenous, State
from wattward.envs.policy.lookout import Lookout
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes
from wattward.envs.simulator.bank import Bank
from wattward.envs.simulator.simulator import Simulator

SCENARIOS = ("zhejiang-xinjiang", "shanghai-grid-event", "jinshuitan-microgrid")
HIDDEN = (ClusterEnv, Simulator, Bank, Lookout, State, Exogenous)


def begun(scenario: str, steps: int) -> ClusterEnv:
    """An environment some steps into an episode."""
    env = ClusterEnv(scenario)
    env.reset(options={"split": "test", "episode": 0})
    for _ in range(steps):
        env.step(np.full(env.scenario.n_regions, Mode.PULL))
    return env


def offered(outlook: Outlook) -> dict[str, Any]:
    """All public attributes; what is worked out when it is asked for is worked out."""
    return {name: getattr(outlook, name) for name in dir(outlook) if not name.startswith("_")}


def arrays(value: Any) -> Iterator[NDArray[Any]]:
    """Arrays in a value, in its tuples and in its mappings."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from arrays(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from arrays(one)


def reachable(start: object) -> Iterator[object]:
    """Every object that data and closures lead to; not through classes, modules and globals, which all code has."""
    seen, todo = set[int](), [start]
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, type | types.ModuleType):
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, types.FunctionType):
            todo += [*(one.__closure__ or ()), *(one.__defaults__ or ())]
        elif isinstance(one, np.ndarray):
            todo.append(one.base)
        else:
            todo += gc.get_referents(one)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_that_an_outlook_offers_can_be_written(scenario: str) -> None:
    env = begun(scenario, 30)
    for outlook in (env.outlook(), env.outlook(perfect=True), env.outlook().seen_as(env.observed_fields())):
        found = {name: list(arrays(value)) for name, value in offered(outlook).items()}
        assert len(found["jobs"]) == 16 and len(found["params"]) > 50 and len(found["site_state"]) == 6
        for name, held in found.items():
            for array in held:
                with pytest.raises(ValueError, match="read-only"):
                    np.add(array, array, out=array, casting="unsafe")
                base = array.base
                while isinstance(base, np.ndarray):
                    assert not base.flags.writeable, name
                    base = base.base


def test_an_outlook_cannot_be_changed() -> None:
    outlook: Any = begun("toy", 1).outlook()
    with pytest.raises(AttributeError, match="cannot be changed: step"):
        outlook.step = 7
    with pytest.raises(AttributeError, match="cannot be changed"):
        del outlook.observation
    with pytest.raises(TypeError):
        outlook.site_state["peak_kw"] = np.zeros(2)


def test_what_outlooks_share_can_never_be_made_writable() -> None:
    env = begun("toy", 1)
    for array in env.outlook().params:
        assert not array.flags.owndata or array.size == 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
        assert not any(np.may_share_memory(array, live) for live in env.params)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_way_leads_from_an_outlook_to_the_world(scenario: str) -> None:
    env = begun(scenario, 30)
    outlook = env.outlook()
    offered(outlook)
    live = [*arrays_of(env.world).values(), *(array for group in (env.state, env.flows, env.params) for array in group)]
    met = list(reachable(outlook))
    assert len(met) > 500
    assert not [one for one in met if isinstance(one, HIDDEN)]
    for array in (one for one in met if isinstance(one, np.ndarray)):
        assert not any(np.may_share_memory(array, hidden) for hidden in live)


def test_an_outlook_stays_as_it_was() -> None:
    env = begun("zhejiang-xinjiang", 30)
    outlook, again = env.outlook(), env.outlook()
    before = [array.copy() for value in offered(outlook).values() for array in arrays(value)]
    for _ in range(40):
        env.step(np.full(2, Mode.HOLD))
    env.reset(options={"split": "test", "episode": 1})
    later = [array for value in offered(again).values() for array in arrays(value)]
    for ours, theirs in zip(before, later, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_forecasts_are_those_of_the_world() -> None:
    env = begun("zhejiang-xinjiang", 50)
    outlook, made = env.outlook(), forecasts_of(env.scenario, env.world, 50)
    np.testing.assert_array_equal(outlook.green_forecast_kw, made[SUN] + made[WIND] + env.world.hydro_kw[0, 50])
    np.testing.assert_array_equal(outlook.interactive_forecast_gpus, made[INTERACTIVE])
    np.testing.assert_array_equal(outlook.carbon_forecast_kg_per_kwh, made[CARBON])
    assert outlook.truth is None and not outlook.is_perfect


def test_what_was_seen_of_cuts_and_lines_gives_the_forecast_of_the_whole_past() -> None:
    """A day is 480 steps of three minutes, and only as much of the past is kept as a forecast can use."""
    env = ClusterEnv("shanghai-grid-event")
    env.reset(options={"split": "train", "episode": 0})
    first = int(np.flatnonzero(env.world.cut_kw[0, :, 0] > 0)[0])
    while env.steps_taken < first:
        outlook = env.outlook()
        if outlook.announced_cut_kw[0] > 0:
            lead = round(float(outlook.announced_in_h[0]) / outlook.step_h)
            assert outlook.cut_forecast_kw[lead, 0] == outlook.announced_cut_kw[0]
        env.step(np.full(2, Mode.RUN))
    left = []
    while env.world.cut_kw[0, env.steps_taken, 0] > 0:
        left.append(int((env.outlook().cut_forecast_kw[:, 0] > 0).sum()))
        env.step(np.full(2, Mode.RUN))
    assert left[0] >= left[-1] >= 1 and left[0] == len(left)


class Slips:
    """Does to an outlook what is easily done by mistake."""

    name = "Slips"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def act(self, outlook: Outlook) -> Modes:
        """Takes a GPU from what it thinks is its own array."""
        free = outlook.fleet_gpus
        free -= 1
        return np.full(outlook.n_regions, Mode.RUN)


def test_one_methods_code_cannot_change_anothers_result() -> None:
    env = ClusterEnv("toy")
    before = played_cost(env, baselines.make("MostAvailable"), "test", 0)
    with pytest.raises(ConfigError, match=r"method Slips, scenario toy, test episode 0, step 0: .*read-only"):
        played_cost(env, Slips(), "test", 0)
    assert played_cost(env, baselines.make("MostAvailable"), "test", 0) == before


def test_a_perfect_outlook_holds_the_world_in_copies() -> None:
    env = begun("zhejiang-xinjiang", 30)
    truth = env.outlook(perfect=True).truth
    assert truth is not None
    np.testing.assert_array_equal(truth.left_gpu_h, env.state.job_left_gpu_h[0, : len(truth.left_gpu_h)])
    live = arrays_of(env.world)
    for name, held in arrays_of(truth.world).items():
        np.testing.assert_array_equal(held, live[name])
        assert not np.may_share_memory(held, live[name])
