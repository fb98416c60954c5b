"""Reads series as their publishers ship them and stores them as recordings."""
