"""The simulator as Gymnasium, Stable-Baselines3 and PettingZoo know environments."""
