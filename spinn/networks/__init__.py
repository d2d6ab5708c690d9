"""Axis networks, separable networks and point-wise networks."""
