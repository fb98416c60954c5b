"""Processes of the world, one phenomenon a file. Each is a pure function of settings and a random generator."""
