"""One action interface a file: its space, its mask, its check and how it becomes orders."""
