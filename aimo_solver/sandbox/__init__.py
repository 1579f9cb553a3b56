"""Sandboxes: the Sandbox protocol, its implementation and what runs inside its processes."""
