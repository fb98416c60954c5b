"""What an episode came to: indicators, tokens, and an hourly ledger of green power with certificates."""
