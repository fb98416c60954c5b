"""Ranks policies over suites of episodes and publishes the result."""
