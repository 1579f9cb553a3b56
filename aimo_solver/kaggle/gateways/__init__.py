"""Gateways: how each contest asks its problems and collects the answers, on Kaggle and in rehearsals."""
