"""Files, tables and pictures of the hourly ledger."""
