"""Explains what a trained agent learned: which fields it uses, and when it moves or defers work."""
