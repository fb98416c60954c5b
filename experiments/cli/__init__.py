"""The command line; each file holds one group of commands."""
