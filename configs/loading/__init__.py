"""From a name or a path to a checked model."""
