"""Worlds of episodes: weather, demand, jobs and prices, drawn from a seed or read from recordings."""
