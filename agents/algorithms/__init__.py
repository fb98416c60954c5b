"""One file an algorithm: its settings, how its model is built, and what acts; `wattward.agents.registry` finds them."""
