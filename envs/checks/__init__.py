"""Public helpers for tests: balances, random worlds, and small worlds that can be solved by hand."""
