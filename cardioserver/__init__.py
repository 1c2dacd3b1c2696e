"""Cardioserver: an ECG archive server."""

__version__ = "4.0.0a1"
