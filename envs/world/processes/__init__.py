"""One phenomenon of the world a file, each a pure function of settings and a random generator."""
