"""Measures the speed of environments and training, as ratios within one run."""
