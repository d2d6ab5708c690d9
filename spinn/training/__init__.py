"""Training: stages, one loop, checkpoints and progress."""
