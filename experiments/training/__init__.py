"""Trains agents, keeps their runs and the zoo of shipped ones."""
