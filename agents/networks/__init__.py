"""Neural networks that map an observation to a decision."""
