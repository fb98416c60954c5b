"""One file for each algorithm: its settings, how its model is built, and the network that acts.

`wattward.agents.registry` finds the files.
"""
