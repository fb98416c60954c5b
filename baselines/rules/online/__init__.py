"""Online algorithms with guaranteed ratios of cost, which decide by thresholds."""
