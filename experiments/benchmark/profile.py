"""Measures which work takes the time of a step: worlds without jobs, and policies with different modes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.registration import ENVIRONMENTS
from wattward.envs.interfaces.vector_env import ClusterVectorEnv
from wattward.experiments.benchmark.stepping import VECTOR_ACTIONS, drive
from wattward.experiments.benchmark.timing import Effort, Measured, Meter, interleaved, spread

POLICIES: dict[str, Mode | None] = {"random": None, "hold": Mode.HOLD, "run": Mode.RUN, "pull": Mode.PULL}
"""The mode for all regions and steps; None for random modes."""


class Case:
    """A batch of environments that always uses the same kind of actions.

    Attributes:
        jobs: Number of jobs present in the middle of the last episode, mean over environments.
    """

    def __init__(self, scenario: Scenario, mode: Mode | None, effort: Effort) -> None:
        self._batch = ClusterVectorEnv(scenario, effort.num_envs, bank=min(effort.bank, effort.num_envs))
        self._batch.reset(seed=0)
        shape, rng = (VECTOR_ACTIONS, effort.num_envs, scenario.n_regions), np.random.default_rng(0)
        self._modes: NDArray[np.int64] = rng.integers(0, len(Mode), shape) if mode is None else np.full(shape, mode)
        self._calls = scenario.n_steps + 1
        self.jobs = 0.0

    def us_per_step(self) -> float:
        """Processor time of a step of one environment over an episode [us]. Also counts the jobs in its middle."""
        modes = list(self._modes)
        first = drive(self._batch.step, modes, self._calls // 2)
        self.jobs = self._batch.jobs_present
        both = first.plus(drive(self._batch.step, modes, self._calls - self._calls // 2))
        return 1e6 * both.cpu_s / both.steps


def profile(effort: Effort, meter: Meter) -> Measured:
    """Measures processor time of a step of one environment in a batch, and jobs present, for each case."""
    scenario = load_scenario(ENVIRONMENTS[effort.env_id])
    cases = {
        name: Case(scenario, mode, effort) for name, mode in meter.each(list(POLICIES.items()), "profile: drawing")
    }
    cases["empty"] = Case(_without_jobs(scenario), None, effort)
    blocks: dict[str, Callable[[], float]] = {name: case.us_per_step for name, case in cases.items()}
    done = interleaved(blocks, effort.repeats, meter, "profile: steps")
    figures: Measured = {}
    for name, microseconds in done.items():
        figures |= spread(f"us_{name}", microseconds)
    figures |= {f"jobs_{name}": cases[name].jobs for name in POLICIES}
    return figures


def _without_jobs(scenario: Scenario) -> Scenario:
    none = {"jobs_per_day": (0,) * scenario.n_regions}
    idle = tuple(job_class.model_copy(update=none) for job_class in scenario.job_classes)
    return scenario.model_copy(update={"job_classes": idle})
