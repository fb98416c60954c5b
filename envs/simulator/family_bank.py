"""Episodes of a family for many environments at once: each has a scenario of its own, and brings its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wattward.configs.generate.members import Member
from wattward.configs.generate.random_family import MODEL_SCENARIOS, generate
from wattward.configs.loading.worlds import load_scenario
from wattward.envs.model.params import make_params
from wattward.envs.policy.observer import Observer
from wattward.envs.simulator.bank import Bank, Episode
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.draw import draw
from wattward.envs.world.family import member_number
from wattward.envs.world.splits import choose, episode_seed

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Exogenous, Params


class FamilyBank(Bank):
    """A bank whose every place may hold another scenario's episode."""

    def put_of(self, scenario: Scenario, slot: int, world: Exogenous) -> Params:
        """Packs an episode of a scenario into a place; gives the scenario's parameters (B = 1)."""
        self._params = make_params(scenario)
        self._observer = Observer(scenario, self._params)
        self.put(slot, world)
        return self._params


class FamilyEpisodes:
    """A pool of episodes, drawn once, that any environment may play; see `Episodes`.

    Attributes:
        bank: The episodes.
    """

    def __init__(
        self, family: Member, size: int, *, split: str, on_arrival: bool, seed: int, late_weight: float = 1.0
    ) -> None:
        """Draws the pool.

        Args:
            family: Whose members are played.
            size: Episodes, each of another member.
            split: The split they are of.
            on_arrival: Whether running all work on arrival is played in each, for rewards that need it.
            seed: Picks the members.
            late_weight: Times each member's own price of lateness that is charged.
        """
        models = tuple(load_scenario(name) for name in MODEL_SCENARIOS)
        rng = np.random.default_rng([seed, size])
        self.split, self.numbers = split, [choose(rng) for _ in range(size)]
        first = generate(Member(family.regions, 0), models)
        params = make_params(first)
        self.bank: FamilyBank = FamilyBank(params, size, Observer(first, params))
        self._params: list[Params] = []
        for slot, number in enumerate(self.numbers):
            # made anew, not loaded: what is kept of a scenario goes with it
            scenario = generate(Member(family.regions, member_number(split, number)), models).with_lateness(late_weight)
            own = self.bank.put_of(scenario, slot, draw(scenario, episode_seed(split, number)))
            if on_arrival:
                Simulator(own, 1, self.bank).play_on_arrival(0, slot)
            self._params.append(own)

    def params_of(self, slot: int) -> Params:
        """The parameters of the scenario in a place (B = 1)."""
        return self._params[slot]

    def next(self, b: int, rng: np.random.Generator) -> Episode:  # noqa: ARG002 - one pool for all environments
        """Any episode of the pool, each as likely."""
        return self.named(0, self.split, self.numbers[int(rng.integers(len(self.numbers)))])

    def named(self, b: int, split: str, number: int) -> Episode:  # noqa: ARG002
        """A certain episode of the pool.

        Raises:
            ValueError: the pool does not hold it.
        """
        if split != self.split or number not in self.numbers:
            raise ValueError(f"split = {split!r}, episode = {number}: not among the {len(self.numbers)} drawn")
        return Episode(self.numbers.index(number), split, number)

    def forget(self, b: int) -> None:
        """Nothing is chosen ahead."""

    def prepare(self, rngs: Sequence[np.random.Generator]) -> None:
        """Nothing to draw."""
