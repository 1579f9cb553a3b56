"""Public validation sets: manifests, checks against them, and fetching. Statements are never shipped."""
