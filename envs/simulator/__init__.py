"""Plays batches of episodes: the simulator, and the banks and sources that episodes come from."""
