"""Measures which fields an agent uses: the saving that is lost if a field comes from another episode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.episode import Kept, Trajectory, play_episode
from wattward.envs.policy.observer import Observer
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Decision, Policy
from wattward.experiments.evaluation import statistics
from wattward.experiments.evaluation.methods import Method
from wattward.experiments.evaluation.statistics import Estimate
from wattward.experiments.studies.explain.facts import GROUPS, Importance, Tick

Seen = NDArray[np.float32]
"""Observations of an agent in an episode, shape (T, size of the observation)."""


class Exchanged:
    """Plays as a policy does, but some numbers of its observation come from another episode."""

    def __init__(self, policy: Policy, columns: Ints, instead: Seen) -> None:
        """Replaces `columns` of the observation in step t with those of `instead[t]`."""
        self._policy, self.name = policy, policy.name
        self._columns, self._instead = columns, instead

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Resets the policy."""
        self._policy.reset(self._deceived(outlook), rng)

    def act(self, outlook: Outlook) -> Decision:
        """Returns the policy's action for the changed observation."""
        return self._policy.act(self._deceived(outlook))

    def _deceived(self, outlook: Outlook) -> Outlook:
        seen = outlook.observation.copy()
        seen[self._columns] = self._instead[outlook.step, self._columns]
        return outlook.seen_as(seen)


def columns_of(env: ClusterEnv) -> dict[str, Ints]:
    """Columns of the observation that belong to each field and to each group of `GROUPS`, in all regions."""
    observer = Observer(env.scenario)
    views = observer.views(np.arange(observer.size, dtype=np.float32))
    fields = {name: np.asarray(view, np.int64).ravel() for name, view in views.items()}
    groups = {group: np.concatenate([fields[name] for name in names]) for group, names in GROUPS.items()}
    return {**fields, **groups}


def importances(
    seeds: Sequence[Method], env: ClusterEnv, split: str, floor_cost: Floats, tick: Tick = lambda _: None
) -> list[Importance]:
    """Importance of each field and group to an agent, highest first.

    Each episode is played again for each field or group and each training seed, in the same world. The replacing
    values were observed by the same agent in another episode, drawn at random.

    Args:
        seeds: the agent's training seeds.
        env: environment of the scenario.
        split: split of the episodes.
        floor_cost: RunOnArrival's cost of episodes 0..E-1, shape (E,); at least two.
        tick: called with a description of the next field.
    """
    kept = [_own(who.policy(), env, split, len(floor_cost)) for who in seeds]
    own_cost = np.stack([cost for cost, _ in kept])
    found = []
    for number, (field, columns) in enumerate(columns_of(env).items()):
        tick(f"{seeds[0].name} without its own {field}")
        lost = np.zeros((2, *own_cost.shape))
        for s, who in enumerate(seeds):
            rng = np.random.default_rng([number, s])
            lost[:, s] = _exchanged_cost(who.policy(), env, split, columns, kept[s][1], rng) - own_cost[s]
        same, other = (_mean(table / floor_cost) for table in lost)
        found.append(Importance(field, same, other))
    return sorted(found, key=lambda worth: -worth.largest)


def _own(policy: Policy, env: ClusterEnv, split: str, episodes: int) -> tuple[Floats, list[Seen]]:
    """Costs of unchanged episodes, shape (E,) [currency], and the observations of each."""
    played = [_play(policy, env, split, episode, keep=("observations",)) for episode in range(episodes)]
    return np.array([one.total_cost for one in played]), [one.observations for one in played]


def _exchanged_cost(
    policy: Policy, env: ClusterEnv, split: str, columns: Ints, seen: Sequence[Seen], rng: np.random.Generator
) -> Floats:
    """Costs of episodes with replaced columns from the same step and from another step, shape (2, E) [currency]."""
    cost = np.zeros((2, len(seen)))
    for episode in range(len(seen)):
        other = (episode + int(rng.integers(1, len(seen)))) % len(seen)
        turned = np.roll(seen[other], int(rng.integers(1, len(seen[other]))), axis=0)
        for place, instead in enumerate((seen[other], turned)):
            cost[place, episode] = _play(Exchanged(policy, columns, instead), env, split, episode).total_cost
    return cost


def _play(policy: Policy, env: ClusterEnv, split: str, episode: int, keep: tuple[Kept, ...] = ()) -> Trajectory:
    rng = np.random.default_rng(np.random.SeedSequence(episode))
    return play_episode(policy, env, split=split, episode=episode, rng=rng, keep=keep)


def _mean(lost: Floats) -> Estimate:
    """Mean of losses (S, E), with an interval from resampling training seeds and episodes."""
    nothing = np.zeros((1, lost.shape[1]))
    return statistics.difference([lost], [nothing])
