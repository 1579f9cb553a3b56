"""Engines: implementations of the protocols in aimo_solver.engine. Importing this package loads none."""
