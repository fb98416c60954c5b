"""How much is left to win, and what keeps a policy from it."""
