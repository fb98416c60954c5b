"""What Python and the kernels tell each other in numbers: the form of a decision, the kind of reward, and answers.

Rewards are in units of the scenario's cost per step when all runs on arrival; `kernels.entries` computes them:

- "cost": -(cost of the step).
- "saving": what the same step of the same episode costs when all runs on arrival, less its cost: a control variate,
  with the same optimum and far less variance.
- "shaped": as "saving", and work is credited when it is done. The potential of a state is -(worth of the work left,
  beyond what is left when all runs on arrival), and 0 at both ends, so an episode's sum is that of "saving" exactly
  (Ng, Harada and Russell 1999). Holding work then earns nothing until it runs at a better price than the usual.
"""

from __future__ import annotations

from typing import Literal

OFFERS, MODES = 0, 1
"""Where a step reads the decision: shares and store orders in REGION, or `Fleet.modes`."""

RewardKind = Literal["cost", "saving", "shaped"]
REWARD_KINDS: tuple[RewardKind, ...] = ("cost", "saving", "shaped")
"""In the order of the codes below."""
COST_ONLY, SAVING, SHAPED = range(3)

NO_ERROR, QUEUE_FULL, EPISODE_OVER, UNKNOWN_MODE = range(4)
"""Error codes: nothing is wrong; a queue needs more places; an episode is over; a number is no mode."""
N_CODES = 4
"""A kernel answers NO_ERROR, or `code + N_CODES * environment` for the environment that it is about.

When it answers an error, it has changed nothing.
"""
