"""Asks the questions: train, evaluate, score, rank, show."""
