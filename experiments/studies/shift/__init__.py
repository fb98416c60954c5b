"""How policies fare when a tariff changes."""
