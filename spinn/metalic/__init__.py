"""Interface conditions of a family of problems, learned: what both sides of a cut should agree on, by parameter."""
