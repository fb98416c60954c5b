"""Fits parameters to recorded series."""
