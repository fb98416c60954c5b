"""Draws whole episodes in compiled code, straight into the arrays of a bank."""
