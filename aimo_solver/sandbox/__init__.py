"""Sandboxes: implementations of the Sandbox protocol, and the cell runner they share."""
