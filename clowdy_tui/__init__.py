"""Clowdy: your own serverless cloud in one terminal."""

__version__ = "0.1.0"
