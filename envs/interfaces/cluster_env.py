"""One environment for Gymnasium: a batch of one over the compiled simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.accounting.kpis import kpis_of
from wattward.envs.decisions.action import N_MODES, ActionKind, n_entries, offers_of_shares
from wattward.envs.interfaces.rendering import as_image, as_text
from wattward.envs.kernels.fleet import REWARD
from wattward.envs.model.params import make_params
from wattward.envs.model.reward import RewardKind
from wattward.envs.model.types import BILLS, Exogenous, Flows, Params, State
from wattward.envs.policy.fields import Views
from wattward.envs.policy.observer import Observer
from wattward.envs.policy.outlook import Outlook
from wattward.envs.simulator.bank import Bank
from wattward.envs.simulator.simulator import Simulator, Snapshot
from wattward.envs.simulator.source import Banked, EpisodeBank, check_choices, episode_options, must_be
from wattward.envs.world.draw import draw
from wattward.envs.world.family import family_of, member_for, refuse_family
from wattward.envs.world.recording import Recording, load_recording
from wattward.envs.world.splits import choose, episode_seed


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
        bank: EpisodeBank | None = None,
        render_mode: Literal["ansi", "rgb_array"] | None = None,
    ) -> None:
        """Builds the environment; nothing is drawn before `reset`.

        Args:
            scenario: A shipped scenario's name, a path to a YAML file, or a Scenario; or a family such as "random-3",
                of which every episode is another scenario.
            split: "train", "validation" or "test": where `reset` draws episodes from.
            recording: A Recording, or a folder to load one from, whose series replace the drawn ones.
            reward: "cost", "saving" or "shaped", see `wattward.envs.model.reward`.
            action: "modes" for MultiDiscrete([4] * (R + S)), a mode a region and a `StoreOrder` for each of S stores
                where the scenario hands their control over; "shares" for a Box of shape (R, 2) in 0..1.
            bank: Episodes drawn beforehand that `reset` chooses from, instead of drawing new ones.
            render_mode: "ansi", "rgb_array" or None.

        Raises:
            ConfigError: The scenario, recording or bank cannot be used.
            ValueError: `split`, `reward`, `action` or `render_mode` is unknown.
        """
        check_choices(split, reward, action)
        must_be(render_mode, (None, *self.metadata["render_modes"]), "render_mode")
        self.scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        self.split, self.reward, self.action, self.render_mode = split, reward, action, render_mode
        self._family = family_of(self.scenario)
        if self._family is not None and (recording is not None or bank is not None):
            refuse_family(self.scenario, "a recording or a bank")
        if isinstance(recording, (str, Path)):
            recording = load_recording(Path(recording), self.scenario)
        self.recording: Recording | None = recording
        self._banked = None if bank is None else Banked(bank, self.scenario)
        dearest = None if recording is None else recording.max_price_per_kwh
        drawn = make_params(self.scenario, recorded_max_price_per_kwh=dearest)
        self.params: Params = self._banked.bank.params if self._banked else drawn
        self._observer = Observer(self.scenario, self.params)
        self.observation_space = self._observer.space
        regions = self.scenario.n_regions
        modes = spaces.MultiDiscrete([N_MODES] * n_entries(self.scenario))
        shares = spaces.Box(0.0, 1.0, (regions, 2), np.float64)
        self.action_space = modes if action == "modes" else shares
        self._by_modes = action == "modes"
        self._shape, self._dtype = self.action_space.shape, np.dtype(np.int64 if self._by_modes else np.float64)
        self._world: Exogenous | None = None
        self._playing = (split, 0)
        self._simulator = Simulator(
            self.params,
            1,
            self._banked.bank if self._banked else Bank(self.params, 1, self._observer),
            reward=reward,
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Seeds the choice of episodes, as in Gymnasium.
            options: May hold "split" and "episode" to name the episode.

        Raises:
            ValueError: an option is unknown or out of range, or the episode is not in the bank.
        """
        super().reset(seed=seed)
        split, number = episode_options(options, self.split)
        if self._banked is not None:
            chosen = self._banked.next(0, self.np_random) if number is None else self._banked.named(0, split, number)
            self._begin(chosen.slot, None, chosen.split, chosen.number)
        else:
            number = choose(self.np_random) if number is None else number
            if self._family is not None:
                self._become(member_for(self._family, split, number))
            self.start(draw(self.scenario, episode_seed(split, number), self.recording))
            self._playing = (split, number)
        return self._simulator.fleet.observations[0].copy(), dict(zip(("split", "episode"), self._playing, strict=True))

    def start(self, world: Exogenous) -> None:
        """Starts an episode in a given world (B = 1).

        Raises:
            ValueError: the environment plays a shared bank.
        """
        self._simulator.bank.put(0, world)
        if self.reward != "cost":
            self._simulator.play_on_arrival(0, 0)
        self._begin(0, world, "", -1)

    def step(self, action: NDArray[Any]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Advances one step.

        Args:
            action: Modes and orders, shape (R + S,), or modes alone, shape (R,): stores then go by the rule; or shares,
                shape (R, 2), which an environment of modes takes, too.

        Raises:
            ValueError: the action has the wrong shape or values, or the episode is over.
        """
        simulator = self._simulator
        fleet = simulator.fleet
        if type(action) is not np.ndarray or action.shape != self._shape or action.dtype != self._dtype:
            action = self._checked(action)
        if action.ndim == 1:
            fleet.modes[0] = action
            error_code = simulator.advance()
        else:
            error_code = simulator.advance_by(offers_of_shares(action[None]))
        if error_code:
            raise ValueError(self._refusal(error_code, action))
        outcome = fleet.outcome[0].tolist()
        terminated = fleet.ended.item()
        info: dict[str, Any] = dict(zip(BILLS, outcome))  # noqa: B905 - the reward stands behind the bills
        if terminated:
            info["kpis"] = self.kpis()
        return fleet.observations[0].copy(), outcome[REWARD], terminated, False, info

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
        if self._world is None:
            self._world = draw(self.scenario, episode_seed(*self._playing), self.recording)
        return self._world

    @property
    def state(self) -> State:
        """The simulator's state (B = 1)."""
        return self._simulator.state

    @property
    def flows(self) -> Flows:
        """Flows of the last step (B = 1)."""
        return self._simulator.flows

    @property
    def class_gpu_h(self) -> NDArray[np.float64]:
        """Work done by job class in the last step, shape (1, R, C) [GPU-h]."""
        return self._simulator.class_gpu_h

    @property
    def fields(self) -> Views:
        """Named views of the present observation."""
        return self._observer.views(self._simulator.fleet.observations[0])

    def outlook(self) -> Outlook:
        """What a policy may see now, in natural units."""
        observation = self._simulator.fleet.observations[0].copy()
        return Outlook(self.params, self.state, self.world, 0, self.scenario.regions, observation, self.scenario)

    def kpis(self) -> dict[str, float]:
        """KPIs of the episode so far."""
        return kpis_of(self.params, self.state, self._simulator.tally, 0)

    def save(self) -> Snapshot:
        """A snapshot of this episode; `restore` returns to it any number of times."""
        return self._simulator.save()

    def restore(self, snapshot: Snapshot) -> None:
        """Returns to a snapshot taken in this very episode."""
        self._simulator.restore(snapshot)

    def _begin(self, slot: int, world: Exogenous | None, split: str, number: int) -> None:
        self._world, self._playing = world, (split, number)
        self._simulator.begin(0, slot)

    def _become(self, scenario: Scenario) -> None:
        """Plays another scenario of the same family from now on."""
        self.scenario, self.params = scenario, make_params(scenario)
        self._observer = Observer(scenario, self.params)
        self._simulator = Simulator(self.params, 1, Bank(self.params, 1, self._observer), reward=self.reward)

    def _checked(self, action: NDArray[Any]) -> NDArray[Any]:
        array = np.asarray(action)
        if array.shape == (self.scenario.n_regions, 2) and array.dtype.kind == "f":
            return array.astype(np.float64)
        if self._by_modes and array.shape == (self.scenario.n_regions,):
            array = np.concatenate([array, np.zeros(self.scenario.n_stores, array.dtype)])
        if array.shape != self._shape:
            raise ValueError(f"action must have shape {self._shape}, got {array.shape}")
        return array.astype(self._dtype, casting="same_kind")

    def _refusal(self, error_code: int, action: NDArray[Any]) -> str:
        if error_code < 0:
            return "the episode is over; call reset()"
        return f"modes must lie in 0..{N_MODES - 1}, got {action.tolist()}"
