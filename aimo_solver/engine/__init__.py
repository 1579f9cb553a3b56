"""Engines: the protocols in base.py and their implementations. Importing this package loads none of them."""
