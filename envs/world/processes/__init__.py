"""Processes of the world, one file for each phenomenon. Each is a pure function of settings and a random generator."""
