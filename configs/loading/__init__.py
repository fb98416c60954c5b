"""Loads named or given files into checked models."""
