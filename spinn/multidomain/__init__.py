"""Decomposed problems: interface conditions, the objective of all subdomains at once, and its linear algebra."""
