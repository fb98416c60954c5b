"""Plays every rule on a whole recorded year and checks each step."""
