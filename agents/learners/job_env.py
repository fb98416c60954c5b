"""Environments whose observations are the inputs of a network that decides per job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from wattward.agents.inference.job_features import N_JOB, N_OPTION, N_STATE, Scale, job_inputs
from wattward.agents.learners.job_credit import GONE, Memory
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.observation import N_EXTRA, N_FORECASTS, N_NOW
from wattward.envs.model.types import Params

if TYPE_CHECKING:
    from wattward.envs.interfaces.sb3_env import FleetVecEnv

Observed = dict[str, NDArray[Any]]


def scale_of(scenario: Scenario, params: Params, region_numbers: int) -> Scale:
    """Returns the sizes of a scenario; `region_numbers` is the number of numbers of a region in an observation."""
    n_blocks = (region_numbers - N_NOW - (N_EXTRA if scenario.is_extended else 0)) // N_FORECASTS
    step_h = scenario.step_minutes / 60.0
    gpus = (params.fleet_gpus[0].copy(), params.rigid_limit_gpus[0].copy())
    return Scale(len(scenario.job_classes), n_blocks, step_h, scenario.n_steps * step_h, *gpus)


class JobVecEnv(VecEnvWrapper):
    """Replaces the rows and masks of jobs by `JobInputs`; "context" and "regions" stay as they are.

    Observations also hold, for the learner and not for the policy, what the rows of the last observation "earned" in
    the step and which rows they "became", see `wattward.agents.learners.job_credit`; both have the shape (B, K).
    """

    def __init__(self, venv: FleetVecEnv) -> None:
        """Wraps environments with `action="jobs"` whose actions order no stores."""
        seen = venv.observation_space
        assert isinstance(seen, spaces.Dict)
        n_regions, width = seen["regions"].shape or (0, 0)
        n_rows = (seen["jobs"].shape or (0,))[0]
        self._scale, self._fleet = scale_of(venv.scenario, venv.params, width), venv
        self._memory = Memory(venv._simulator, n_rows)
        self._seen_options: NDArray[np.float32] = np.zeros((venv.num_envs, n_rows, n_regions, N_OPTION), np.float32)
        self._orders: NDArray[np.int64] = np.zeros((venv.num_envs, n_rows), np.int64)
        credit = {"earned": spaces.Box(-np.inf, np.inf, (n_rows,), np.float32)}
        credit["became"] = spaces.Box(GONE, n_rows, (n_rows,), np.int16)  # type: ignore[arg-type]
        shapes = {"state": (N_STATE,), "jobs": (n_rows, N_JOB), "options": (n_rows, n_regions, N_OPTION)}
        made = {name: spaces.Box(-np.inf, np.inf, shape, np.float32) for name, shape in shapes.items()}
        super().__init__(venv, spaces.Dict({"context": seen["context"], "regions": seen["regions"], **made, **credit}))

    def reset(self) -> Observed:
        """Returns the first observations."""
        observed, shape = self._made(self.venv.reset()), self._orders.shape
        return observed | {"earned": np.zeros(shape, np.float32), "became": np.full(shape, GONE, np.int16)}

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Stores the orders for the coming step."""
        self._orders = actions
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Returns observations, rewards (B,), dones (B,) and infos."""
        return self._credited(self.venv.step_wait())

    def step_held(self, actions: NDArray[np.int64], action_repeat: int) -> VecEnvStepReturn:
        """Takes `action_repeat` steps with the same orders of rows; rewards are summed."""
        self._orders = actions
        return self._credited(self._fleet.step_held(actions, action_repeat))

    def _credited(self, stepped: VecEnvStepReturn) -> VecEnvStepReturn:
        observed, rewards, dones, infos = stepped
        earned, became = self._memory.credit(self._seen_options, self._orders, dones)
        return self._made(observed) | {"earned": earned, "became": became}, rewards, dones, infos

    def _made(self, observed: Any) -> Observed:  # noqa: ANN401 - the interface's dictionary
        context, regions = observed["context"], observed["regions"]
        made = job_inputs(context, regions, observed["jobs"], observed["mask"], self._scale)
        self._seen_options = made.options
        self._memory.note()
        return {"context": context, "regions": regions, **made._asdict()}
