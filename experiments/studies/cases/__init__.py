"""Compares published cases with the simulator."""
