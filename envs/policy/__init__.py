"""What a policy is and what it may see."""
