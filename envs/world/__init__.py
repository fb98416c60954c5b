"""Where episodes come from: sun, wind, demand and prices, drawn from a seed or read from recordings."""
