"""Ranks policies on suites of episodes and publishes the results."""
