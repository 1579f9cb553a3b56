"""What runs inside the sandbox's processes: standard library only."""
