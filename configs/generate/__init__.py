"""Scenarios that are made by a rule instead of read from a file."""
