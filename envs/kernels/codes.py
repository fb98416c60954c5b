"""Number codes shared by Python and the kernels: the source of a decision, the kind of reward, and return codes.

Rewards are divided by the scenario's expected cost per step when all work runs on arrival. `kernels.entries` computes
them:

- "cost": -(cost of the step).
- "saving": the cost of the same step of the same episode when all work runs on arrival, minus the cost of the step.
  The first term is a control variate: it leaves the optimum as it is and reduces the variance by far.
- "shaped": as "saving", and work is credited when it is done. The shaping is potential-based (Ng, Harada and Russell
  1999). The potential of a state is -(worth of the work left, beyond the work left when all runs on arrival). It is 0
  at both ends of an episode, so the rewards of an episode sum to exactly the same as those of "saving". Holding work
  thus earns nothing until the work runs at a better price than usual.
"""

from __future__ import annotations

from typing import Literal

OFFERS, MODES, ORDERS = 0, 1, 2
"""Sources from which a step reads the decision.

OFFERS are shares and store orders in REGION. MODES are in `Fleet.modes`. ORDERS for jobs are in `Fleet.choices` and
`Fleet.wishes`, orders for stores in `Fleet.modes`.
"""

WAIT, HERE = 0, -1
"""Values of `Fleet.choices`: wait, or run where the job is. Any other value r + 1 means: run in region r."""

RewardKind = Literal["cost", "saving", "shaped"]
REWARD_KINDS: tuple[RewardKind, ...] = ("cost", "saving", "shaped")
"""In the order of the codes below."""
COST_ONLY, SAVING, SHAPED = range(3)

NO_ERROR, QUEUE_FULL, EPISODE_OVER, UNKNOWN_MODE, UNKNOWN_ORDER = range(5)
"""Error codes: no error; a queue needs more places; an episode is over; a number is not a mode, or not an order."""
N_CODES = 5
"""Number of error codes. A kernel returns NO_ERROR, or `code + N_CODES * b` for an error in environment `b`.

A kernel that returns an error has changed nothing.
"""
