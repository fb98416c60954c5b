"""The least cost that any policy could have in an episode, known in hindsight."""
