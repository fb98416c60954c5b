"""Public helpers for tests: balance checks, random worlds, and small worlds that can be solved by hand."""
