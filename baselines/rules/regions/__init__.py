"""Rules that decide where a job runs."""
