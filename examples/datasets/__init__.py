"""Datasets to begin with: YAML files for `spinn generate`."""
