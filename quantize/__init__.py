"""Makes checkpoints from others, by merging and quantising, and measures what they cost in votes."""
