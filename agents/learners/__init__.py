"""What Stable-Baselines3's learners do otherwise here: buffers, gradient steps on values, regions as environments."""
