"""Policies that do not learn, and the lower bound on the cost of any policy."""

from wattward.baselines.registry import make, names

__all__ = ["make", "names"]
