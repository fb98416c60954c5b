"""Single questions asked of policies and worlds, each with its command."""
