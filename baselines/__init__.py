"""Policies that do not learn, and the bound that no policy passes."""

from wattward.baselines.registry import make, names

__all__ = ["make", "names"]
