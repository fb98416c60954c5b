"""Rules that decide when a job runs, and on how many GPUs."""
