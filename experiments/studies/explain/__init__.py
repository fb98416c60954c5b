"""What a trained agent learned: what it reads and when it moves or defers work."""
