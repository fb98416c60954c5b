"""A batch of environments for Gymnasium, directly over the batch simulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.accounting.kpis import kpis_of
from wattward.envs.decisions.registry import ActionChoice, interface_of
from wattward.envs.interfaces.rendering import as_text
from wattward.envs.kernels.codes import RewardKind
from wattward.envs.kernels.fleet import COST, REWARD
from wattward.envs.model.types import BILLS, Flows, Params, State
from wattward.envs.policy.copies import immutable
from wattward.envs.policy.lookout import Lookout
from wattward.envs.policy.outlook import Outlook
from wattward.envs.simulator.bank import Episode
from wattward.envs.simulator.choices import check_choices, check_counts, episode_options, must_be
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.simulator.source import EpisodeBank, episodes_for
from wattward.envs.world.draw import draw
from wattward.envs.world.family import refuse_family
from wattward.envs.world.recording import Recording, load_recording
from wattward.envs.world.splits import episode_seed

if TYPE_CHECKING:
    from wattward.envs.interfaces.frames import Film

Actions = NDArray[Any]
Booleans = NDArray[np.bool_]
StepReturn = tuple[Any, NDArray[np.float64], Booleans, Booleans, dict[str, Any]]


class ClusterVectorEnv(VectorEnv[Any, Actions, NDArray[Any]]):
    """B environments of one scenario in one compiled step, each the same as a `ClusterEnv` with its seed.

    `reset(seed=s)` seeds environment b with s + b. `info` holds the bills of the step, shape (B,) each. If episodes
    ended, it also holds "kpis", batched as in Gymnasium, and with AutoresetMode.SAME_STEP "final_obs" and "final_info".
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 12}  # noqa: RUF012 - Gymnasium's own attribute

    def __init__(
        self,
        scenario: str | Path | Scenario = "zhejiang-xinjiang",
        num_envs: int = 1,
        *,
        split: str = "train",
        recording: Recording | str | Path | None = None,
        reward: RewardKind = "cost",
        action: ActionChoice = "modes",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int = 1,
        bank: EpisodeBank | int | None = None,
        draw_ahead: int | None = None,
        render_mode: Literal["ansi", "rgb_array"] | None = None,
    ) -> None:
        """Allocates the batch; no episode is drawn before `reset`, except those of a bank.

        Args:
            scenario: The name of a shipped scenario, a path to a YAML file, or a Scenario.
            num_envs: Number of environments B.
            split: The split from which episodes are drawn: "train", "validation" or "test".
            recording: A Recording, or a folder that holds one. Its sun, wind and load replace the drawn ones.
            reward: "cost", "saving" or "shaped", see `wattward.envs.kernels.codes`.
            action: The form of actions: "modes", "shares", "joint" or another, as in `ClusterEnv`.
            autoreset_mode: When environments reset themselves, as defined by Gymnasium.
            threads: Threads that share a step.
            bank: Episodes drawn beforehand from which all environments choose, or how many to draw (numbers 0 to
                bank - 1 of the split). By default each environment draws fresh ones.
            draw_ahead: Most fresh episodes that are drawn ahead of their use, a few in every step. By default as many
                as there are environments, but at most 256.
            render_mode: "ansi", "rgb_array" or None.

        Raises:
            ConfigError: The scenario, recording or bank cannot be used.
            ValueError: Another argument is unknown or out of range.
        """
        check_choices(split, reward)
        must_be(render_mode, (None, *self.metadata["render_modes"]), "render_mode")
        check_counts(num_envs, threads, draw_ahead)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        refuse_family(self.scenario, "a vector of environments")
        self.num_envs, self.split, self.reward, self.action = num_envs, split, reward, action
        self.render_mode, self._recording = render_mode, recording
        self._episodes = episodes_for(self.scenario, num_envs, split, recording, self._compared, bank, draw_ahead)
        played = self._episodes.bank
        self._simulator = Simulator(played.params, num_envs, played, reward=reward, threads=threads)
        self.interface = interface_of(action, self.scenario)
        self.single_action_space = self.interface.space
        self.single_observation_space = self.interface.observation_space(played.observation_space)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._playing = [Episode(0, split, -1)] * num_envs
        self._rngs: list[np.random.Generator] = []
        self._everywhere = np.ones(num_envs, np.bool_)
        self._lookouts, self._films = self._new_lookouts_and_films()

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Starts an episode in all environments, or where `options["reset_mask"]` is true.

        Args:
            seed: Seeds the choice of episodes: one seed for each environment, or one number to which the index of
                each environment is added.
            options: May hold "reset_mask", shape (B,), and "split" and "episode" to name the episode.

        Raises:
            ValueError: an option or the number of seeds is wrong.
        """
        options = dict(options or {})
        mask = _mask(options.pop("reset_mask", self._everywhere), self.num_envs)
        self._seed(seed, mask)
        split, number = episode_options(options, self.split)
        for b in np.flatnonzero(mask):
            self._begin(int(b), None if number is None else self._episodes.named(int(b), split, number))
        self._simulator.fleet.ended[mask] = False
        return self._observed(), self._which(mask) | self._facts()

    def step(self, actions: Actions) -> StepReturn:
        """Steps every environment.

        Args:
            actions: Elements of the action space, or another form that its interface accepts, such as shares of shape
                (B, R, 2).

        Returns:
            Observations (B, size), rewards (B,), terminations (B,), truncations (B,), all false, and infos.

        Raises:
            ValueError: actions have the wrong shape or values, or an episode is over and nothing resets it.
        """
        simulator, ended = self._simulator, self._simulator.fleet.ended
        restarted = ended.copy() if self.autoreset_mode is AutoresetMode.NEXT_STEP and ended.any() else None
        if restarted is not None:
            self._restart(restarted)
        self._advance(actions)
        for film in self._films:
            film.note()
        fleet = simulator.fleet
        infos = self._bills(fleet.outcome, restarted)
        terminations, rewards = fleet.ended.copy(), fleet.outcome[:, REWARD].copy()
        if terminations.any():
            self._end(terminations, infos)
        infos |= self._facts()
        self._episodes.prepare(self._rngs)
        return self._observed(), rewards, terminations, np.zeros(self.num_envs, np.bool_), infos

    def render(self) -> tuple[Any, ...] | None:
        """Text ("ansi") or an RGB array, shape (height, width, 3), of each environment; None without a render mode."""
        if self.render_mode is None:
            return None
        if self._films:
            return tuple(film.frame(self._outlook(b)) for b, film in enumerate(self._films))
        return tuple(self._text(b) for b in range(self.num_envs))

    @property
    def jobs_present(self) -> float:
        """Number of jobs present or in transit now, averaged over environments."""
        return float(self._simulator.state.n_active.mean())

    def close_extras(self, **kwargs: Any) -> None:  # noqa: ANN401 - Gymnasium's own signature
        """Does nothing: there is nothing to release."""

    def _seed(self, seed: int | Sequence[int | None] | None, mask: Booleans) -> None:
        seeds: Sequence[int | None]
        if seed is None or isinstance(seed, int):
            seeds = [None if seed is None else seed + b for b in range(self.num_envs)]
        else:
            seeds = seed
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed holds {len(seeds)} numbers: must be one for each of {self.num_envs} environments")
        if not self._rngs:
            self._rngs = [seeding.np_random(s)[0] for s in seeds]
            return
        for b, chosen in enumerate(seeds):
            if mask[b] and chosen is not None:
                self._rngs[b] = seeding.np_random(chosen)[0]
                self._episodes.forget(b)

    def _begin(self, b: int, episode: Episode | None = None) -> None:
        self._playing[b] = self._episodes.next(b, self._rngs[b]) if episode is None else episode
        self._simulator.begin(b, self._playing[b].slot)
        self._lookouts.pop(b, None)
        if self._films:
            self._films[b].begin()

    def _new_lookouts_and_films(self) -> tuple[dict[int, Lookout], list[Film]]:
        """Makes an empty table of lookouts and, if the render mode needs frames, one film for each environment."""
        if self.render_mode != "rgb_array":
            return {}, []
        from wattward.envs.interfaces.frames import Film

        return {}, [Film(self.scenario, self._simulator, b) for b in range(self.num_envs)]

    @property
    def _compared(self) -> RewardKind:
        """The reward for which episodes are prepared; "saving" if frames are drawn, because they show the saving."""
        return "saving" if self.render_mode == "rgb_array" else self.reward

    def _outlook(self, b: int) -> Outlook:
        """What a policy sees now of environment `b`.

        The world is drawn again once per episode, because a bank keeps only a part of it.
        """
        if isinstance(self._recording, (str, Path)):
            self._recording = load_recording(Path(self._recording), self.scenario)
        simulator = self._simulator
        if b not in self._lookouts:
            playing = self._playing[b]
            world = draw(self.scenario, episode_seed(playing.split, playing.number), self._recording)
            params = Params._make(field[min(b, len(field) - 1)][None] for field in simulator.params)
            self._lookouts[b] = Lookout(self.scenario, immutable(params), world)
        state = State._make(field[b : b + 1] for field in simulator.state)
        return self._lookouts[b].outlook(state, simulator.fleet.observations[b].copy())

    def _text(self, b: int) -> str:
        simulator = self._simulator
        flows = Flows._make(field[b : b + 1] for field in simulator.flows)
        kpis = kpis_of(simulator.params, simulator.state, simulator.tally, b)
        fleet = simulator.fleet
        return as_text(self._outlook(b), flows, kpis, fleet.regions[b], bool(fleet.env["ordered"][b]))

    def _restart(self, ended: Booleans) -> None:
        """Starts a new episode where one ended in the last step; these environments do not step."""
        for b in np.flatnonzero(ended):
            self._begin(int(b))
        self._simulator.fleet.env["asleep"] = ended

    def _advance(self, actions: Actions) -> None:
        checked = self.interface.checked(actions, self.num_envs)
        self._simulator.advance(source=self.interface.write(checked, self._simulator.fleet))
        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            self._simulator.fleet.env["asleep"] = 0

    def _observed(self, which: int | slice = slice(None)) -> Any:  # noqa: ANN401 - as the interface has it
        return self.interface.observed(self._simulator.fleet, which)

    def _bills(self, outcome: NDArray[np.float64], restarted: Booleans | None) -> dict[str, Any]:
        infos: dict[str, Any] = {} if restarted is None else self._which(restarted)
        stepped = self._everywhere if restarted is None else ~restarted
        if stepped.any():
            for name, costs in zip(BILLS, outcome[:, COST:REWARD].T.copy(), strict=True):
                infos[name], infos[f"_{name}"] = costs, stepped
        return infos

    def _end(self, ended: Booleans, infos: dict[str, Any]) -> None:
        """Reports the episodes that ended; with SAME_STEP, starts new ones."""
        simulator, same_step = self._simulator, self.autoreset_mode is AutoresetMode.SAME_STEP
        final: dict[str, Any] = {}
        for b in np.flatnonzero(ended):
            kpis = kpis_of(simulator.params, simulator.state, simulator.tally, int(b))
            bills = dict(zip(BILLS, simulator.fleet.outcome[b, COST:REWARD].tolist(), strict=True)) if same_step else {}
            final = self._add_info(final, {**bills, "kpis": kpis}, int(b))
        if not same_step:
            infos |= final
            return
        infos["final_obs"], infos["_final_obs"] = np.full(self.num_envs, None, dtype=object), ended.copy()
        for b in np.flatnonzero(ended):
            infos["final_obs"][b] = self._observed(int(b))
            self._begin(int(b))
        infos["final_info"], infos["_final_info"] = final, ended.copy()
        for name in BILLS:
            if ended.all():
                del infos[name], infos[f"_{name}"]
            else:
                infos[name][ended], infos[f"_{name}"] = 0.0, ~ended
        infos |= self._which(ended)

    def _facts(self) -> dict[str, Any]:
        """What the action interface adds to `info`, in Gymnasium's form for vectors."""
        infos: dict[str, Any] = {}
        for name, values in self.interface.facts(self._simulator.fleet).items():
            infos |= {name: values, f"_{name}": self._everywhere}
        return infos

    def _which(self, mask: Booleans) -> dict[str, Any]:
        """Split and number of the episodes that began, for `info`."""
        infos: dict[str, Any] = {}
        for b in np.flatnonzero(mask):
            playing = self._playing[b]
            infos = self._add_info(infos, {"split": playing.split, "episode": playing.number}, int(b))
        return infos


def _mask(mask: object, num_envs: int) -> Booleans:
    if not isinstance(mask, np.ndarray) or mask.shape != (num_envs,) or mask.dtype != np.bool_ or not mask.any():
        raise ValueError(f"reset_mask must be an array of {num_envs} booleans, at least one of them true, got {mask!r}")
    return mask
