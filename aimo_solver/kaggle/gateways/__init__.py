"""Gateways: how a contest hands over its problems and takes the answers, one edition's way a file."""
