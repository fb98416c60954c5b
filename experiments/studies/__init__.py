"""Studies of single questions about policies and worlds, each with its own command."""
