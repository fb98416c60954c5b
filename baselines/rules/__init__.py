"""Published rules, one a file."""
