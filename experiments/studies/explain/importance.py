"""What an agent looks at: saving that is lost where it sees one field of another episode instead of its own's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.fields import Observer
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes, Policy, Shares
from wattward.experiments.evaluation import statistics
from wattward.experiments.evaluation.evaluate import run_episode
from wattward.experiments.evaluation.methods import Method
from wattward.experiments.evaluation.statistics import Estimate
from wattward.experiments.studies.explain.behaviour import SPLIT

Seen = NDArray[np.float32]
"""All that an agent saw in an episode, shape (T, observed numbers)."""
Tick = Callable[[str], None]
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "all of the clock": ("hour", "season", "weekend", "time_left", "last_day"),
        "all of prices": ("price", "price_rank", "price_above_lowest", "price_ahead"),
        "all of sun and wind": ("surplus", "surplus_ahead", "base_load"),
        "all of requests": ("interactive", "interactive_ahead"),
        "all of its work": (
            "locked",
            "running",
            "locked_work",
            "rigid_work",
            "transit",
            "late",
            "queue",
            "wan_backlog",
        ),
    }
)
"""Fields that say much the same of one thing, and are therefore also exchanged at once."""


@dataclass(frozen=True)
class Importance:
    """What a field, or a group of them, is worth to an agent: saving lost as a share of RunOnArrival's cost."""

    field: str
    same_step: Estimate
    """Lost where the field is that of another episode in the same step; such episodes share their time of day."""
    any_step: Estimate
    """Lost where it is besides that of another time of that episode."""

    @property
    def largest(self) -> float:
        """The larger of the two losses."""
        return max(self.same_step.value, self.any_step.value)


class Witness:
    """Plays as another policy and keeps what it saw."""

    def __init__(self, policy: Policy) -> None:
        self._policy, self.name = policy, policy.name
        self.seen: list[Seen] = []

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Begins to keep anew."""
        self.seen = []
        self._policy.reset(outlook, rng)

    def act(self, outlook: Outlook) -> Modes | Shares:
        """What the policy does."""
        self.seen.append(outlook.observation.copy())
        return self._policy.act(outlook)


class Exchanged:
    """Plays as another policy that sees some numbers of another episode in place of its own's."""

    def __init__(self, policy: Policy, columns: Ints, instead: Seen) -> None:
        """Exchanges `columns` of the observation in step t for those of `instead[t]`."""
        self._policy, self.name = policy, policy.name
        self._columns, self._instead = columns, instead

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """As the policy."""
        self._policy.reset(self._deceived(outlook), rng)

    def act(self, outlook: Outlook) -> Modes | Shares:
        """What the policy does where it sees this."""
        return self._policy.act(self._deceived(outlook))

    def _deceived(self, outlook: Outlook) -> Outlook:
        seen = outlook.observation.copy()
        seen[self._columns] = self._instead[outlook.step, self._columns]
        outlook.observation = seen
        return outlook


def columns_of(env: ClusterEnv) -> dict[str, Ints]:
    """Where each named field, and each group of `GROUPS`, stands in an observation, in all regions."""
    observer = Observer(env.scenario, env.params)
    views = observer.views(np.arange(observer.size, dtype=np.float32))
    fields = {name: np.asarray(view, np.int64).ravel() for name, view in views.items()}
    groups = {group: np.concatenate([fields[name] for name in names]) for group, names in GROUPS.items()}
    return {**fields, **groups}


def importances(
    seeds: Sequence[Method], env: ClusterEnv, floor_cost: Floats, tick: Tick = lambda _: None
) -> list[Importance]:
    """Value of each field and group to an agent, highest first.

    An episode is played again for each of them and each training seed, with the same world. What stands in the field's
    place was seen by the same agent in an episode drawn among the others.

    Args:
        seeds: the agent's training seeds.
        env: plays the scenario.
        floor_cost: RunOnArrival's cost of validation episodes 0..E-1, shape (E,); two at least.
        tick: told which field is next.
    """
    kept = [_own(who.policy(), env, len(floor_cost)) for who in seeds]
    own_cost = np.stack([cost for cost, _ in kept])
    found = []
    for number, (field, columns) in enumerate(columns_of(env).items()):
        tick(f"{seeds[0].name} without its own {field}")
        lost = np.zeros((2, *own_cost.shape))
        for s, who in enumerate(seeds):
            rng = np.random.default_rng([number, s])
            lost[:, s] = _exchanged_cost(who.policy(), env, columns, kept[s][1], rng) - own_cost[s]
        same, other = (_mean(table / floor_cost) for table in lost)
        found.append(Importance(field, same, other))
    return sorted(found, key=lambda worth: -worth.largest)


def _own(policy: Policy, env: ClusterEnv, episodes: int) -> tuple[Floats, list[Seen]]:
    """Costs of episodes as they are, shape (E,) [currency], and what was seen in each."""
    witness, cost, seen = Witness(policy), [], []
    for episode in range(episodes):
        cost.append(_total_cost(witness, env, episode))
        seen.append(np.stack(witness.seen))
    return np.array(cost), seen


def _exchanged_cost(
    policy: Policy, env: ClusterEnv, columns: Ints, seen: Sequence[Seen], rng: np.random.Generator
) -> Floats:
    """Costs of episodes with exchanged columns, of the same step and of any: shape (2, E) [currency]."""
    cost = np.zeros((2, len(seen)))
    for episode in range(len(seen)):
        other = (episode + int(rng.integers(1, len(seen)))) % len(seen)
        turned = np.roll(seen[other], int(rng.integers(1, len(seen[other]))), axis=0)
        for place, instead in enumerate((seen[other], turned)):
            cost[place, episode] = _total_cost(Exchanged(policy, columns, instead), env, episode)
    return cost


def _total_cost(policy: Policy, env: ClusterEnv, episode: int) -> float:
    return float(run_episode(policy, env, SPLIT, episode, np.random.SeedSequence(episode))["total_cost"] or 0.0)


def _mean(lost: Floats) -> Estimate:
    """Mean of losses (S, E), its interval by resampling training seeds and episodes."""
    nothing = np.zeros((1, lost.shape[1], 1))
    return statistics.difference(lost[:, :, None], nothing)
