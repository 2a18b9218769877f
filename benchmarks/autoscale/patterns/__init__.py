"""What arrives, what it takes, and what happens besides: each with its source."""
