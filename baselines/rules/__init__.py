"""Published rules, one in each file."""
