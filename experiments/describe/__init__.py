"""Describes a scenario: its sites, its prices and a typical day."""
