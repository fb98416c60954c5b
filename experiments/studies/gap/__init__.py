"""How far policies are from the bound, and why."""
