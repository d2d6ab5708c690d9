"""Operator-learning datasets. Nothing is here yet.

Planned: random coefficient fields, discretisation of the PDE modules by finite differences and volumes, generation of
datasets with resuming, and the file formats that operator-learning libraries read.
"""
