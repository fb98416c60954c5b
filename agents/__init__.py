"""Policies that learn, their checkpoints, and the adapter that makes them methods."""

from wattward.agents.inference.policy import LearnedPolicy, load_policy

__all__ = ["LearnedPolicy", "load_policy"]
