"""The loops that play episodes: one episode of a policy, kept as a trajectory, or a batch of episodes in parallel.

All code that plays a policy in an environment uses this module. So costs are summed in one place, failures of policies
are reported in one way, and only this module shows perfect outlooks to diagnostics.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.base import ConfigError
from wattward.envs.model.types import COST_TERMS, Floats, Flows
from wattward.envs.policy.protocol import Policy, sees_everything

if TYPE_CHECKING:
    from wattward.envs.policy.outlook import Outlook

COSTS = ("total_cost", *COST_TERMS)
"""The costs that are summed over the steps of an episode."""
Kept = Literal["decisions", "modes", "observations", "outlooks", "flows", "class_gpu_h", "snapshots"]
"""The names of what a trajectory may keep besides costs, see `Trajectory`."""


class PolicyError(ConfigError):
    """A policy raised an error, exited, or answered with what is no action."""

    def __init__(self, policy: str, where: str, what: str, step: int) -> None:
        super().__init__(policy, where, what, step)
        self.what, self.step = what, step

    def __str__(self) -> str:
        policy, where, what, step = self.args
        return f"method {policy}, {where}, step {step}: {what}"


class Environment(Protocol):
    """What an environment must offer so that an episode can be played; keeping data may need more."""

    @property
    def scenario(self) -> Any:  # noqa: ANN401 - anything with a name
        """The scenario that is played."""
        ...

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts the episode that `options` name."""
        ...

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:  # noqa: ANN401 - what a policy answers
        """Takes one step."""
        ...

    def outlook(self, *, perfect: bool = False) -> Outlook:
        """What a policy may see now."""
        ...


@dataclass(frozen=True)
class Trajectory:
    """A played episode of T steps in R regions, with the data that were kept.

    Attributes:
        method: The policy's name.
        scenario: The scenario's name.
        split: The split of the episode.
        episode: The index of the episode in the split.
        costs: Sums over the steps, by the names in COSTS.
        kpis: KPIs of the whole episode.
        step_cost: Total cost of each step, shape (T,).
        rewards: Reward of each step, shape (T,).
        decision_us: Time of each decision, shape (decisions,) [us].
    """

    method: str
    scenario: str
    split: str
    episode: int
    costs: Mapping[str, float]
    kpis: Mapping[str, float]
    step_cost: Floats
    rewards: Floats
    decision_us: Floats
    kept: Mapping[str, list[Any]] = field(repr=False)

    @property
    def total_cost(self) -> float:
        """The cost of the whole episode."""
        return self.costs["total_cost"]

    @property
    def n_steps(self) -> int:
        """Steps T."""
        return len(self.step_cost)

    @property
    def decisions(self) -> NDArray[Any]:
        """The actions, all of one form: numbers (decisions, ...), or `Orders` (decisions,). Kept as "decisions"."""
        return np.array(self._of("decisions"))

    @property
    def modes(self) -> NDArray[np.int64]:
        """The modes nearest to each decision, shape (decisions, R). Kept as "modes"."""
        return np.array(self._of("modes"))

    @property
    def observations(self) -> NDArray[np.float32]:
        """The observation at each decision, shape (decisions, numbers). Kept as "observations"."""
        return np.array(self._of("observations"), dtype=np.float32)

    @property
    def outlooks(self) -> list[Outlook]:
        """The outlook that the policy got at each decision. Kept as "outlooks"."""
        return self._of("outlooks")

    @property
    def flows(self) -> Flows:
        """Everything that the steps moved or cost, each field of shape (T, R). Kept as "flows"."""
        return Flows._make(np.array(series) for series in zip(*self._of("flows"), strict=True))

    @property
    def class_gpu_h(self) -> Floats:
        """Work done by job class, shape (T, R, C) [GPU-h]. Kept as "class_gpu_h"."""
        return np.array(self._of("class_gpu_h"))

    @property
    def snapshots(self) -> list[Any]:
        """Snapshots of the simulator before the first step and after each step, T + 1. Kept as "snapshots"."""
        return self._of("snapshots")

    def _of(self, what: Kept) -> list[Any]:
        """Returns what was kept under a name; raises ValueError if it was not kept."""
        if what not in self.kept:
            raise ValueError(f"{what} of this trajectory were not kept")
        return self.kept[what]


def play_episode(
    policy: Policy,
    env: Environment,
    *,
    split: str,
    episode: int,
    rng: np.random.Generator,
    keep: tuple[Kept, ...] = (),
    hold: int = 1,
) -> Trajectory:
    """Plays one episode to its end.

    Args:
        policy: The policy that decides. If it sees everything, it gets perfect outlooks.
        env: The environment that plays the episode; must be a `ClusterEnv` if `keep` is not empty.
        split: "train", "validation" or "test".
        episode: Index in the split.
        rng: The only source of the policy's randomness.
        keep: What the trajectory keeps besides costs; nothing else is copied.
        hold: Steps for which a decision is held.

    Raises:
        PolicyError: the policy fails or returns an invalid action.
        ConfigError: a step causes a cost that is not finite. Both messages name method, scenario, episode and step.
    """
    playing = _Playing(policy, env, split, episode, rng, keep)
    ended = False
    while not ended:
        action = playing.decide()
        for _ in range(hold):
            ended = playing.advance(action)
            if ended:
                break
    return playing.trajectory()


def begin_episode(policy: Policy, env: Environment, *, split: str, episode: int, rng: np.random.Generator) -> None:
    """Starts an episode in the environment and resets the policy for it.

    The arguments are as for `play_episode`.

    Raises:
        PolicyError: the policy fails.
        ConfigError: the policy raises this error because it does not fit this world.
    """
    _Playing(policy, env, split, episode, rng, ())


def play_batch(
    act: Callable[[Any], Any],
    env: Any,  # noqa: ANN401 - a vector environment as Stable-Baselines3 has it, whose episodes are of one length
) -> list[Mapping[str, float]]:
    """Plays one episode in every environment of a batch in parallel, and returns the KPIs of each.

    Args:
        act: Computes the actions of the batch from its observations.
        env: The batch; it is closed at the end.
    """
    observations, infos = env.reset(), list[dict[str, Any]]()
    dones = np.zeros(env.num_envs, dtype=bool)
    while not dones.all():
        observations, _, dones, infos = env.step(act(observations))
    env.close()
    return [info["kpis"] for info in infos]


AT_DECISION: Mapping[str, Callable[[Any, Outlook, Any], Any]] = {
    "decisions": lambda env, outlook, action: copy.deepcopy(action),  # noqa: ARG005 - all three have one signature
    "modes": lambda env, outlook, action: env.modes_alike(action)[: outlook.n_regions],
    "observations": lambda env, outlook, action: outlook.observation,  # noqa: ARG005
    "outlooks": lambda env, outlook, action: outlook,  # noqa: ARG005
}
"""The data that can be kept at each decision, by name, with the function that makes them before the step is taken."""
AFTER_STEP: Mapping[str, Callable[[Any], Any]] = {
    "flows": lambda env: [series[0].copy() for series in env.flows],
    "class_gpu_h": lambda env: env.class_gpu_h[0].copy(),
    "snapshots": lambda env: env.save(),
}
"""The data that can be kept after each step, by name, with the function that copies them from an environment."""


class _Playing:
    """An episode that is being played."""

    def __init__(
        self,
        policy: Policy,
        env: Environment,
        split: str,
        episode: int,
        rng: np.random.Generator,
        keep: tuple[Kept, ...],
    ) -> None:
        self._policy, self._env, self._split, self._episode = policy, env, split, episode
        self._perfect = {"perfect": True} if sees_everything(policy) else {}
        self._step, self._kpis = 0, dict[str, float]()
        self._costs = dict.fromkeys(COSTS, 0.0)
        self._step_cost, self._rewards, self._decision_ns = list[float](), list[float](), list[int]()
        self._kept: dict[str, list[Any]] = {what: [] for what in keep}
        self._at_decision = [(self._kept[what], take) for what, take in AT_DECISION.items() if what in keep]
        self._after_step = [(self._kept[what], take) for what, take in AFTER_STEP.items() if what in keep]
        env.reset(options={"split": split, "episode": episode})
        outlook = env.outlook(**self._perfect)
        try:
            policy.reset(outlook, rng)
        except ConfigError:
            raise  # the policy itself reports that it does not fit this world
        except (Exception, SystemExit) as error:
            raise self._failure(f"its reset raised {_told(error)}") from error
        if "snapshots" in keep:
            self._kept["snapshots"].append(AFTER_STEP["snapshots"](env))

    def decide(self) -> Any:  # noqa: ANN401 - what a policy answers
        """Asks the policy for its action in the present step."""
        outlook = self._env.outlook(**self._perfect)
        began = time.perf_counter_ns()
        try:
            action = self._policy.act(outlook)
        except (Exception, SystemExit) as error:
            raise self._failure(f"it raised {_told(error)}") from error
        self._decision_ns.append(time.perf_counter_ns() - began)
        try:
            for kept, take in self._at_decision:
                kept.append(take(self._env, outlook, action))
        except (ValueError, TypeError) as error:
            raise self._failure(f"it answered {_brief(action)}: {error}") from error
        return action

    def advance(self, action: Any) -> bool:  # noqa: ANN401 - what a policy answers
        """Takes one step, adds up its costs, and returns whether the episode has ended."""
        try:
            _, reward, terminated, truncated, info = self._env.step(action)
        except (ValueError, TypeError) as error:
            raise self._failure(f"it answered {_brief(action)}: {error}") from error
        costs = self._costs
        for term in costs:
            costs[term] += float(info[term])
        total = float(info["total_cost"])
        if not math.isfinite(total):
            raise ConfigError(str(self._failure(f"the step costs {total}; must be finite")))
        self._step_cost.append(total)
        self._rewards.append(float(reward))
        for kept, take in self._after_step:
            kept.append(take(self._env))
        self._step += 1
        ended = terminated or truncated
        if ended:
            self._kpis = {name: float(value) for name, value in info["kpis"].items()}
        return ended

    def trajectory(self) -> Trajectory:
        """The episode as it was played."""
        return Trajectory(
            method=self._policy.name,
            scenario=self._env.scenario.name,
            split=self._split,
            episode=self._episode,
            costs=self._costs,
            kpis=self._kpis,
            step_cost=np.array(self._step_cost),
            rewards=np.array(self._rewards),
            decision_us=np.array(self._decision_ns) / 1000.0,
            kept=self._kept,
        )

    def _failure(self, what: str) -> PolicyError:
        where = f"scenario {self._env.scenario.name}, {self._split} episode {self._episode}"
        return PolicyError(self._policy.name, where, what, self._step)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _brief(action: object) -> str:
    """An action as one line of text, shortened if it is long."""
    text = " ".join(repr(action).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
