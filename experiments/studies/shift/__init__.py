"""How policies perform when a tariff changes."""
