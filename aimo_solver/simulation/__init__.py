"""Simulation: whole contests from logged samples on a virtual clock, through the solver that runs on Kaggle."""
