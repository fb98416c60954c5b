"""The world and how a decision changes it."""
