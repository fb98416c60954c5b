"""Torch networks that map an observation to a decision while it is learned, and which modes can matter in a step."""
