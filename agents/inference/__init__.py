"""Trained agents at work: checkpoints, and networks that act without torch."""
