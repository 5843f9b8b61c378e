"""repdyn: how the representations of deep networks move, measured and explained.

The library behind the workflow. Each module holds one idea; the order in which they build on each other:

    networks/     what a network is made of: layers, activations, torch modules; its tangent kernel, its measured rates
    architectures/  one file an architecture
    training/     one loop for all experiments, and three trainers: compiled steps, gradient flow, any torch module
    observables   H, Y, w, the mean error and the loss, from recorded outputs
    theory        the effective theory: exact solution, right-hand sides, fixed point, loss curve
    fitting       the theory's two constants from a trajectory, and intervals over seeds
    prediction    what rates fitted to one pair of points predict for other pairs
    tasks         the tasks that networks learn, as arrays
    mnist         the digits as networks and theory see them; mnist_files: which files they are
    digits        distances between images of many classes: the theory's, and what the class alone explains
    downloads     files from wherever they can be had, by their checksum
    artifacts     reading and writing results, whole or not at all
    settings      the configuration and its tables: checked, merged, explained
    sources       which library modules a script depends on
    figures/      one module a figure
"""
