"""From the cost of a step to a scalar reward; there are no weights, the scenario says what each thing costs."""

from __future__ import annotations

from typing import Literal

from wattward.envs.types import Floats

RewardKind = Literal["cost", "saving"]
REWARD_KINDS: tuple[RewardKind, ...] = ("cost", "saving")


def reward_of(kind: RewardKind, cost_yuan: Floats, on_arrival_yuan: Floats, reference_yuan: Floats) -> Floats:
    """Rewards of a batch.

    Args:
        kind: "cost" for -(cost) / reference; "saving" for (what the same step of the same episode costs when all
            runs on arrival - cost) / reference, a control variate with the same optimum and far less variance.
        cost_yuan: Cost of the step, shape (B,).
        on_arrival_yuan: Cost of the same step under RunOnArrival, shape (B,); unused for "cost".
        reference_yuan: The scenario's yuan per step when all runs on arrival, shape (B,).

    Returns:
        Rewards, shape (B,).
    """
    if kind == "cost":
        return -cost_yuan / reference_yuan
    return (on_arrival_yuan - cost_yuan) / reference_yuan
