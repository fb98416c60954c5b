"""Draws whole episodes in compiled code, the same ones as the NumPy draw. `envs.world.draw` is its entry."""
