"""A rule for jobs, put to the vote: each region takes one mode, as most of its work wants."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import JobRule, Rule
from wattward.baselines.voting import by_votes
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class Voted(Rule):
    """The orders of a rule for jobs are votes for the modes of regions; see `wattward.baselines.voting`.

    It shows what a mode for each region costs a rule that was published for jobs.
    """

    def __init__(self, rule: JobRule) -> None:
        """Puts `rule` to the vote."""
        self.name, self._rule = f"{rule.name}-voted", rule

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Forgets the last episode."""
        self._rule.reset(outlook, rng)

    def act(self, outlook: Outlook) -> Modes:
        """Modes by the votes of the rule's orders."""
        return by_votes(outlook, self._rule.act(outlook).run_in.astype(np.int64))
