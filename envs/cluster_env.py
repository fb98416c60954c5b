"""One environment for Gymnasium: a batch of one over the compiled simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.configs import load_scenario
from wattward.configs.scenario_schema import Scenario
from wattward.envs.action import N_MODES, offers_of_modes, offers_of_shares
from wattward.envs.episode import SPLITS, draw, episode_seed
from wattward.envs.kpis import kpis_of
from wattward.envs.observation import Observer, Views
from wattward.envs.outlook import Outlook
from wattward.envs.params import make_params
from wattward.envs.recording import Recording, load_recording
from wattward.envs.reward import REWARD_KINDS, RewardKind, Rewards
from wattward.envs.simulator import Simulator, Snapshot
from wattward.envs.types import YUAN_TERMS, Exogenous, Flows, Offers, Params, State
from wattward.envs.viewer import as_image, as_text

N_TRAINING_EPISODES = 2**31
ActionKind = Literal["modes", "shares"]


class ClusterEnv(gymnasium.Env[NDArray[np.float32], NDArray[Any]]):
    """GPU clusters in several regions; each step every region gets a mode.

    The observation is a vector of named fields (see `fields` and docs/observation.md). Episodes have a fixed length and
    terminate; they are never truncated. `reset(seed=...)` draws a random episode of the environment's split;
    `reset(options={"split": "test", "episode": 3})` plays that very episode.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012 - Gymnasium's own attribute

    def __init__(
        self,
        scenario: str | Path | Scenario = "zhejiang-xinjiang",
        *,
        split: str = "train",
        recording: Recording | str | Path | None = None,
        reward: RewardKind = "cost",
        action: ActionKind = "modes",
        render_mode: Literal["ansi", "rgb_array"] | None = None,
    ) -> None:
        """Builds the environment; nothing is drawn before `reset`.

        Args:
            scenario: A shipped scenario's name, a path to a YAML file, or a Scenario.
            split: "train", "validation" or "test": where `reset` draws episodes from.
            recording: A Recording, or a folder to load one from, whose sun, wind and load replace the drawn ones.
            reward: "cost", "saving" or "shaped", see `wattward.envs.reward`.
            action: "modes" for MultiDiscrete([4] * R); "shares" for a Box of shape (R, 2) in 0..1.
            render_mode: "ansi", "rgb_array" or None.

        Raises:
            ConfigError: The scenario or recording cannot be used.
            ValueError: `split`, `reward`, `action` or `render_mode` is unknown.
        """
        _must_be(split, tuple(SPLITS), "split")
        _must_be(reward, REWARD_KINDS, "reward")
        _must_be(action, ("modes", "shares"), "action")
        _must_be(render_mode, (None, *self.metadata["render_modes"]), "render_mode")
        self.scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        self.split, self.reward, self.action, self.render_mode = split, reward, action, render_mode
        if isinstance(recording, (str, Path)):
            recording = load_recording(Path(recording), self.scenario)
        self.recording: Recording | None = recording
        self.params: Params = make_params(self.scenario)
        self._observer = Observer(self.scenario, self.params)
        self.observation_space = self._observer.space
        regions = self.scenario.n_regions
        modes, shares = spaces.MultiDiscrete([N_MODES] * regions), spaces.Box(0.0, 1.0, (regions, 2), np.float64)
        self.action_space = modes if action == "modes" else shares
        n_drawn = self.scenario.n_steps + self.params.forecast_rho.shape[2]
        self._simulator = Simulator(self.params, n_drawn)
        self._observation = np.zeros((1, *self.observation_space.shape), np.float32)
        self._rewards = Rewards(reward, self._simulator, self.scenario.n_steps)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Seeds the choice of episodes, as in Gymnasium.
            options: May hold "split" and "episode" to name the episode.

        Raises:
            ValueError: an option is unknown or out of range.
        """
        super().reset(seed=seed)
        options = options or {}
        if set(options) - {"split", "episode"}:
            raise ValueError(f"options may hold 'split' and 'episode', got {sorted(options)}")
        split = options.get("split", self.split)
        _must_be(split, tuple(SPLITS), "split")
        episode = options.get("episode")
        number = int(self.np_random.integers(N_TRAINING_EPISODES)) if episode is None else int(episode)
        self.start(draw(self.scenario, episode_seed(split, number), self.recording))
        return self._observation[0].copy(), {"split": split, "episode": number}

    def start(self, world: Exogenous) -> None:
        """Starts an episode in a given world (B = 1)."""
        self._simulator.load(0, world)
        self._rewards.begin(0)
        self._observe()

    def step(self, action: NDArray[Any]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Advances one step.

        Args:
            action: Modes, shape (R,), or shares, shape (R, 2).

        Raises:
            ValueError: the action has the wrong shape or values, or the episode is over.
        """
        if self.steps_taken >= self.scenario.n_steps:
            raise ValueError("the episode is over; call reset()")
        reward = self._rewards.step(self._offers(np.asarray(action)))
        self._observe()
        terminated = self.steps_taken == self.scenario.n_steps
        info: dict[str, Any] = {term: float(getattr(self.flows, term)[0].sum()) for term in YUAN_TERMS}
        info["cost_yuan"] = float(self._simulator.tally.cost_yuan[0])
        if terminated:
            info["kpis"] = self.kpis()
        return self._observation[0].copy(), float(reward[0]), terminated, False, info

    def render(self) -> Any:  # noqa: ANN401 - Gymnasium's own signature
        """Text ("ansi") or an RGB array, shape (height, width, 3); None without a render mode."""
        if self.render_mode is None:
            return None
        draw_it = as_text if self.render_mode == "ansi" else as_image
        return draw_it(self.outlook(), self.flows, self.kpis())

    @property
    def steps_taken(self) -> int:
        """Steps taken in this episode."""
        return int(self.state.step[0])

    @property
    def world(self) -> Exogenous:
        """The episode's world (B = 1). Policies must not read it; bounds and tests do."""
        return self._simulator.world

    @property
    def state(self) -> State:
        """The simulator's state (B = 1)."""
        return self._simulator.state

    @property
    def flows(self) -> Flows:
        """Flows of the last step (B = 1)."""
        return self._simulator.flows

    @property
    def fields(self) -> Views:
        """Named views of the present observation."""
        return self._observer.views(self._observation[0])

    def outlook(self) -> Outlook:
        """What a policy may see now, in natural units."""
        observation = self._observation[0].copy()
        return Outlook(self.params, self.state, self.world, 0, self.scenario.regions, observation)

    def kpis(self) -> dict[str, float]:
        """KPIs of the episode so far."""
        return kpis_of(self.params, self.state, self._simulator.tally, 0)

    def save(self) -> Snapshot:
        """A snapshot of this episode; `restore` returns to it any number of times."""
        return self._simulator.save()

    def restore(self, snapshot: Snapshot) -> None:
        """Returns to a snapshot taken in this very episode."""
        self._simulator.restore(snapshot)
        self._observe()

    def _observe(self) -> None:
        self._observer.encode(self.params, self.state, self.world, self._observation)

    def _offers(self, action: NDArray[Any]) -> Offers:
        shape = self.action_space.shape
        if action.shape != shape:
            raise ValueError(f"action must have shape {shape}, got {action.shape}")
        if self.action == "shares":
            return offers_of_shares(action[None])
        return offers_of_modes(action[None].astype(np.int64, casting="same_kind"))


def _must_be(value: object, allowed: tuple[object, ...], what: str) -> None:
    if value not in allowed:
        raise ValueError(f"{what} = {value!r}: must be one of {', '.join(map(repr, allowed))}")
