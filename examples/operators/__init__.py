"""Configurations to begin with: YAML files for `spinn learn`."""
