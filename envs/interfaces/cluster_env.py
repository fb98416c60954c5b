"""A single environment for Gymnasium: a batch of one in the compiled simulator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.accounting.kpis import kpis_of
from wattward.envs.decisions.registry import ActionChoice, Answers, interface_of
from wattward.envs.interfaces.rendering import as_text
from wattward.envs.kernels.fleet import REWARD
from wattward.envs.model.params import make_params
from wattward.envs.model.types import BILLS, Exogenous, Flows, Params, State
from wattward.envs.policy.copies import immutable
from wattward.envs.policy.lookout import Lookout
from wattward.envs.policy.observer import Observer, Views
from wattward.envs.simulator.bank import Bank
from wattward.envs.simulator.choices import Banked, check_choices, episode_options, must_be
from wattward.envs.simulator.simulator import Simulator, Snapshot
from wattward.envs.world.draw import Drawing, draw
from wattward.envs.world.family import family_of, member_for, refuse_family
from wattward.envs.world.recording import Recording, load_recording
from wattward.envs.world.splits import choose, episode_seed

if TYPE_CHECKING:
    from wattward.envs.interfaces.frames import Film
    from wattward.envs.kernels.codes import RewardKind
    from wattward.envs.policy.outlook import Outlook
    from wattward.envs.simulator.source import EpisodeBank


class ClusterEnv(gymnasium.Env[Any, Any]):
    """GPU clusters in several regions. An action decides what they do with deferrable work in a step.

    By default an action holds one mode for each region. The observation is a vector of named fields (see `fields` and
    docs/observation.md). Episodes have a fixed length and terminate; they are never truncated. `reset(seed=...)` draws
    a random episode of the environment's split; `reset(options={"split": "test", "episode": 3})` plays that episode.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 12}  # noqa: RUF012 - Gymnasium's own attribute

    def __init__(
        self,
        scenario: str | Path | Scenario = "zhejiang-xinjiang",
        *,
        split: str = "train",
        recording: Recording | str | Path | None = None,
        reward: RewardKind = "cost",
        action: ActionChoice = "modes",
        bank: EpisodeBank | None = None,
        render_mode: Literal["ansi", "rgb_array"] | None = None,
    ) -> None:
        """Builds the environment; no episode is drawn before `reset`.

        Args:
            scenario: The name of a shipped scenario, a path to a YAML file, or a Scenario; or a family such as
                "random-3", in which every episode has its own scenario.
            split: The split from which `reset` draws episodes: "train", "validation" or "test".
            recording: A Recording, or a folder that holds one. Its series replace the drawn ones.
            reward: "cost", "saving" or "shaped", see `wattward.envs.kernels.codes`.
            action: The form of actions. "modes" is MultiDiscrete([4] * (R + S)): a mode for each region, and a
                `StoreOrder` for each of the S stores that the scenario lets actions order. "shares" is a Box of 2 R
                numbers in 0..1. "joint" is Discrete(4**(R + S)). For others see `wattward.envs.decisions.registry`.
            bank: Episodes drawn beforehand, from which `reset` chooses instead of drawing new ones.
            render_mode: "ansi", "rgb_array" or None.

        Raises:
            ConfigError: The scenario, recording or bank cannot be used.
            ValueError: `split`, `reward`, `action` or `render_mode` is unknown.
        """
        check_choices(split, reward)
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
        self._known_params: Params = immutable(self.params)
        self._lookout: Lookout | None = None
        self._observer = Observer(self.scenario)
        self.interface = interface_of(action, self.scenario)
        self._answers = Answers(self.interface)
        self.observation_space = self.interface.observation_space(self._observer.space)
        self.action_space = self.interface.space
        self._drawing = Drawing(self.scenario, recording)
        self._world: Exogenous | None = None
        self._playing = (split, 0)
        self._simulator = Simulator(
            self.params,
            1,
            self._banked.bank if self._banked else Bank(self.params, 1, self._observer),
            reward=reward,
        )
        self._film = self._new_film()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
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
            self._simulator.bank.draw_into(0, self._drawing, episode_seed(split, number))
            self._play(None, split, number)
        return self._observed(), {"split": self._playing[0], "episode": self._playing[1], **self._facts()}

    def start(self, world: Exogenous) -> None:
        """Starts an episode in a given world (B = 1).

        Raises:
            ValueError: the environment plays a shared bank.
        """
        self._simulator.bank.put(0, world)
        self._play(world, "", -1)

    def _play(self, world: Exogenous | None, split: str, number: int) -> None:
        """Starts the episode in the first place of the bank."""
        if self.reward != "cost" or self._film is not None:
            self._simulator.play_on_arrival(0, 0)
        self._begin(0, world, split, number)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - of any interface
        """Advances one step.

        Args:
            action: An element of the action space, or an action of any registered interface, such as modes of shape
                (R + S,) or (R,), or shares of shape (R, 2).

        Raises:
            ValueError: the action has the wrong shape, type or values, or the episode is over.
        """
        simulator = self._simulator
        fleet = simulator.fleet
        interface = self._answers.interface_of(action)
        simulator.advance(source=interface.write(interface.checked(action), fleet))
        if self._film is not None:
            self._film.note()
        outcome = fleet.outcome[0].tolist()
        terminated = fleet.ended.item()
        info: dict[str, Any] = dict(zip(BILLS, outcome)) | self._facts()  # noqa: B905 - the reward follows the bills
        if terminated:
            info["kpis"] = self.kpis()
        return self._observed(), outcome[REWARD], terminated, False, info

    def render(self) -> Any:  # noqa: ANN401 - Gymnasium's own signature
        """Text ("ansi") or an RGB array, shape (height, width, 3); None without a render mode."""
        if self.render_mode is None:
            return None
        if self._film is not None:
            return self._film.frame(self.outlook())
        fleet = self._simulator.fleet
        return as_text(self.outlook(), self.flows, self.kpis(), fleet.regions[0], bool(fleet.env["ordered"][0]))

    def action_masks(self) -> NDArray[np.bool_]:
        """Which choices may matter now, as the flat mask that sb3-contrib's MaskablePPO needs.

        Raises:
            ValueError: the action space is not made of discrete choices.
        """
        masks = self.interface.masks(self._simulator.fleet)
        if masks is None:
            raise ValueError(f"action = {self.interface.name!r}: there are no choices to mask")
        return masks[0]

    def modes_alike(self, answer: Any) -> NDArray[np.int64]:  # noqa: ANN401 - of any interface
        """The modes nearest to an action of a policy in this step, shape (R,), or longer with store orders.

        They are used for pictures. The action must not have been taken yet.

        Raises:
            ValueError: the action has the wrong shape, type or values.
        """
        interface = self._answers.interface_of(answer)
        return interface.modes_alike(interface.checked(answer), self._simulator.fleet)

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
        return self.views(self._simulator.fleet.observations[0])

    def views(self, observation: NDArray[np.float32]) -> Views:
        """Named views of an observation of this environment, shape (numbers,)."""
        return self._observer.views(observation)

    def observed_fields(self) -> NDArray[np.float32]:
        """A copy of the present vector of fields, without what the action interface may add to observations."""
        return self._simulator.fleet.observations[0].copy()

    def outlook(self, *, perfect: bool = False) -> Outlook:
        """What a policy may see now, in natural units.

        Args:
            perfect: Whether forecasts are exact and owners' estimates are true. For diagnostics only, never for a
                method that is ranked.
        """
        if self._lookout is None:
            self._lookout = Lookout(self.scenario, self._known_params, self.world)
        given = self._lookout.perfect if perfect else self._lookout.outlook
        return given(self.state, self.observed_fields())

    def kpis(self) -> dict[str, float]:
        """KPIs of the episode so far."""
        return kpis_of(self.params, self.state, self._simulator.tally, 0)

    def save(self) -> Snapshot:
        """A snapshot of this episode; `restore` returns to it any number of times."""
        return self._simulator.save()

    def restore(self, snapshot: Snapshot) -> None:
        """Returns to a snapshot that was taken in this same episode."""
        self._simulator.restore(snapshot)

    def _begin(self, slot: int, world: Exogenous | None, split: str, number: int) -> None:
        self._world, self._playing, self._lookout = world, (split, number), None
        self._simulator.begin(0, slot)
        if self._film is not None:
            self._film.begin()

    def _new_film(self) -> Film | None:
        """A Film if the render mode needs frames, else None."""
        if self.render_mode != "rgb_array":
            return None
        from wattward.envs.interfaces.frames import Film

        return Film(self.scenario, self._simulator)

    def _become(self, scenario: Scenario) -> None:
        """Switches to another scenario of the same family."""
        self.scenario, self.params = scenario, make_params(scenario)
        self._known_params = immutable(self.params)
        self._observer, self._drawing = Observer(scenario), Drawing(scenario)
        self._simulator = Simulator(self.params, 1, Bank(self.params, 1, self._observer), reward=self.reward)
        self._film = self._new_film()

    def _facts(self) -> dict[str, Any]:
        """What the action interface adds to `info`."""
        return {name: values[0].item() for name, values in self.interface.facts(self._simulator.fleet).items()}

    def _observed(self) -> Any:  # noqa: ANN401 - as the interface has it
        return self.interface.observed(self._simulator.fleet, 0)
