"""Published cases beside what the simulator says."""
