"""repdyn: how the representations of deep networks move, measured and explained.

The library behind the workflow, in rooms that build on each other from top to bottom; no room knows one below it.

    artifacts     reading and writing results, whole or not at all
    theory        the effective theory: exact solution, fixed point, loss; altered equations; regimes
    data          what networks learn, as arrays, and where files are had
    networks      what networks are made of: layers, activations, torch modules; kernels and rates measured on them
    training      one loop for all experiments, and three trainers: compiled steps, gradient flow, any torch module
    statistics    what numbers over networks and images say: intervals, dimensions, correlations. Nothing is fitted
    fitting       the theory's rates from recorded curves, altered equations, laws of decay, predictions
    plotting      how figures look. No statistics, no equations: tables hold the numbers
    pipeline      configuration, code as inputs, jobs, the cache. No torch

An experiment is a folder beside this package, scripts/EXPERIMENT/: each script there holds one `main`, which run.py
calls.
"""
