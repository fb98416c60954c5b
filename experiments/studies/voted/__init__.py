"""What it costs to put rules for jobs to the vote."""
