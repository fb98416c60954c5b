"""Changes to Stable-Baselines3's learners: buffers, gradient steps of value learners, regions as environments."""
