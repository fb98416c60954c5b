"""What a reward is, in units of the scenario's yuan per step when all runs on arrival; `kernels.entries` computes it.

- "cost": -(cost of the step).
- "saving": what the same step of the same episode costs when all runs on arrival, less its cost: a control variate,
  with the same optimum and far less variance.
- "shaped": as "saving", and work is credited when it is done. The potential of a state is -(worth of the work left,
  beyond what is left when all runs on arrival), and 0 at both ends, so an episode's sum is that of "saving" exactly
  (Ng, Harada and Russell 1999). Holding work then earns nothing until it runs at a better price than the usual.
"""

from __future__ import annotations

from typing import Literal

RewardKind = Literal["cost", "saving", "shaped"]
REWARD_KINDS: tuple[RewardKind, ...] = ("cost", "saving", "shaped")
"""In the order of the kernels' codes."""
