"""Plays policies on episodes and scores them."""
