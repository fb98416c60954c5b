"""Accounts of episodes: KPIs, token economics, and an hourly ledger of green power with certificates."""
