"""Policies that plan: model predictive control, search over sampled futures, search in hindsight."""
