"""The `aimo` command."""
