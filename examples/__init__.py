"""Example problems as YAML files, shipped with the package: `spinn solve NAME.yaml` finds them here by name."""
