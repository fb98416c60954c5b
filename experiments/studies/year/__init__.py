"""Every rule on a whole recorded year, each step checked."""
