"""Engines: implementations of the protocols in aimo_solver.engine.base. Importing this package loads none."""
