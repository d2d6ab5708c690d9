"""Linear solvers. Nothing is here yet.

Planned: Krylov methods that recycle a subspace from one system to the next (CG, GMRES, GCRO-DR and their deflated
relatives), preconditioners, orderings of parameters, and bandits that choose solver parameters from what earlier solves
cost. This package will know matrices and never PDEs.
"""
