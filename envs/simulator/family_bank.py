"""Episodes of a family for a batch of environments; each episode has its own scenario and parameters."""

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
    """A bank in which each place may hold an episode of a different scenario."""

    def put_of(self, scenario: Scenario, slot: int, world: Exogenous) -> Params:
        """Packs an episode of a scenario into a place; returns the scenario's parameters (B = 1)."""
        self._take_params(make_params(scenario))
        self._observer = Observer(scenario)
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
            family: The family whose members are played.
            size: Number of episodes, each of another member.
            split: The split of the episodes.
            on_arrival: Whether each episode is also played with all work run on arrival, for rewards that need it.
            seed: Seeds the choice of members.
            late_weight: Factor on each member's own price of lateness.
        """
        models = tuple(load_scenario(name) for name in MODEL_SCENARIOS)
        rng = np.random.default_rng([seed, size])
        self.split, self.numbers = split, [choose(rng) for _ in range(size)]
        first = generate(Member(family.regions, 0), models)
        params = make_params(first)
        self.bank: FamilyBank = FamilyBank(params, size, Observer(first))
        self._params: list[Params] = []
        for slot, number in enumerate(self.numbers):
            # generated, not loaded, so that what is cached for the scenario is freed with it
            scenario = generate(Member(family.regions, member_number(split, number)), models).with_lateness(late_weight)
            own = self.bank.put_of(scenario, slot, draw(scenario, episode_seed(split, number)))
            if on_arrival:
                Simulator(own, 1, self.bank).play_on_arrival(0, slot)
            self._params.append(own)

    def params_of(self, slot: int) -> Params:
        """The parameters of the scenario in a place (B = 1)."""
        return self._params[slot]

    def next(self, b: int, rng: np.random.Generator) -> Episode:  # noqa: ARG002 - one pool for all environments
        """Chooses an episode of the pool, each with the same probability."""
        return self.named(0, self.split, self.numbers[int(rng.integers(len(self.numbers)))])

    def named(self, b: int, split: str, number: int) -> Episode:  # noqa: ARG002
        """Returns the named episode of the pool.

        Raises:
            ValueError: the pool does not hold it.
        """
        if split != self.split or number not in self.numbers:
            raise ValueError(f"split = {split!r}, episode = {number}: not among the {len(self.numbers)} drawn")
        return Episode(self.numbers.index(number), split, number)

    def forget(self, b: int) -> None:
        """Does nothing: no episode is chosen ahead."""

    def prepare(self, rngs: Sequence[np.random.Generator]) -> None:
        """Does nothing: there is nothing to draw."""
