# Takes: MNIST from the first source that serves it (or a synthetic stand-in), and the blocks mnist, mnist_pairs and
# mnist_structure of the configuration.
# Makes: <results>/mnist/images.nc; <results>/mnist_{pairs,structure}/runs.nc, what the networks of the two experiments
# did; tables mnist_pairs.csv (one row a network and pair of images), mnist_structure.csv (one row a pair of test images),
# mnist_structure_rates.csv and mnist_structure_correlations.csv; the figures mnist_pairs and mnist_structure.

MNIST = study["mnist"]

# what decides the training of an experiment: which hidden layer is looked at afterwards does not
MNIST_TRAINED = {
    f"mnist_{experiment}": {
        "name": f"mnist_{experiment}",
        **{key: value for key, value in MNIST["network"].items() if key != "layer"},
        **{key: MNIST[key] for key in ("batch", "epochs", "finer", "networks")},
        "lr": study[f"mnist_{experiment}"]["lr"],
        "different": study["mnist_pairs"]["different"],
        "same": study["mnist_pairs"]["same"],
        "digits": study["mnist_structure"]["digits"],
        **{
            f"{purpose}_seed": study["seeds"][key]
            for purpose, key in (("init", "init"), ("batch", "batches"), ("pair", "pairs"))
        },
    }
    for experiment in ("pairs", "structure")
}


rule mnist_fetch:
    """Fetch MNIST from the first source that serves it."""
    input:
        code=code("mnist/fetch.py"),
    output:
        data="<results>/mnist/images.nc",
    params:
        images=MNIST["images"],
        download=MNIST["download"],
    script:
        "../scripts/run.py"


rule mnist_train:
    """Train networks on MNIST, and follow pairs of images or distances between test images."""
    input:
        code=code("mnist/train.py"),
        architecture=code(f"repdyn/networks/architectures/{MNIST['network']['model']}.py"),
        images=rules.mnist_fetch.output.data,
    output:
        runs="<results>/{mnist}/runs.nc",
    resources:
        **gpu_job(),
    params:
        **training(MNIST_TRAINED, "mnist"),
    script:
        "../scripts/run.py"


rule mnist_pairs_fit:
    """Fit the theory to every pair of images."""
    input:
        code=code("mnist/fit.py"),
        runs="<results>/mnist_pairs/runs.nc",
    output:
        table=table("mnist_pairs", "every network and pair", "MNIST"),
    params:
        layer=MNIST["network"]["layer"],
    script:
        "../scripts/run.py"


rule mnist_pairs_analyse:
    """Average the curves of pairs over networks, and solve the theory for them."""
    input:
        code=code("mnist_pairs/analyse.py"),
        runs="<results>/mnist_pairs/runs.nc",
        fits=rules.mnist_pairs_fit.output.table,
    output:
        table="<results>/mnist_pairs/curves.csv",
    params:
        layer=MNIST["network"]["layer"],
    script:
        "../scripts/run.py"


rule mnist_pairs_plot:
    """Draw H, Y and w of pairs of MNIST images."""
    input:
        code=code("mnist_pairs/plot.py"),
        table=rules.mnist_pairs_analyse.output.table,
        runs="<results>/mnist_pairs/runs.nc",
        fits=rules.mnist_pairs_fit.output.table,
    output:
        **figure("mnist_pairs", "pairs of MNIST images", "MNIST"),
    params:
        layer=MNIST["network"]["layer"],
        row={**MNIST_TRAINED["mnist_pairs"], "images": MNIST["images"]},
    script:
        "../scripts/run.py"


rule mnist_pairs:
    """Pairs of MNIST images among all others."""
    input:
        rules.mnist_pairs_plot.output,


rule mnist_structure_fit:
    """Fit the theory's rates to pairs of images."""
    input:
        code=code("mnist/fit.py"),
        runs="<results>/mnist_structure/runs.nc",
    output:
        table="<results>/tables/mnist_structure_rates.csv",
    params:
        layer=MNIST["network"]["layer"],
    script:
        "../scripts/run.py"


rule mnist_structure_compare:
    """Compare distances between test images with the theory's."""
    input:
        code=code("mnist_structure/compare.py"),
        runs="<results>/mnist_structure/runs.nc",
        fits=rules.mnist_structure_fit.output.table,
    output:
        table="<results>/tables/mnist_structure.csv",
        correlations=table("mnist_structure_correlations", "correlations and nulls", "MNIST"),
    params:
        layer=MNIST["network"]["layer"],
        shuffles=study["mnist_structure"]["shuffles"],
        intervals=study["intervals"],
        seed=study["seeds"]["shuffles"],
    script:
        "../scripts/run.py"


rule mnist_structure_plot:
    """Draw distances between digits, measured and predicted."""
    input:
        code=code("mnist_structure/plot.py"),
        table=rules.mnist_structure_compare.output.table,
        correlations=rules.mnist_structure_compare.output.correlations,
    output:
        **figure("mnist_structure", "distances between digits", "MNIST"),
    params:
        layer=MNIST["network"]["layer"],
        images=MNIST["images"],
        intervals=study["intervals"],
    script:
        "../scripts/run.py"


rule mnist_structure:
    """Final distances between MNIST digits."""
    input:
        rules.mnist_structure_plot.output,
