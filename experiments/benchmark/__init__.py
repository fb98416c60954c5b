"""How fast environments and training are, as ratios measured in one run."""
