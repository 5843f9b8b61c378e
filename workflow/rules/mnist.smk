# Takes: MNIST from the first source that serves it (or a synthetic stand-in), and the configuration below `mnist`.
# Makes: <results>/data/mnist.nc, the images; <results>/mnist/{pairs,structure}.nc, what the networks of the two
# experiments did; <results>/tables/mnist_pairs.csv (one row a network and pair of images), mnist_structure.csv (one row
# a pair of test images), mnist_rates.csv and mnist_correlations.csv; <results>/figures/{mnist_pairs,mnist_structure}.
# `snakemake mnist_pairs` and `snakemake mnist_structure` make one figure each, with its own training.

MNIST, MNIST_NETWORK = study["mnist"], study["mnist"]["network"]

# what decides the training of an experiment: which hidden layer is looked at afterwards does not
MNIST_TRAINED = {
    experiment: {
        "name": f"mnist_{experiment}",
        **{key: value for key, value in MNIST_NETWORK.items() if key != "layer"},
        **{key: MNIST[key] for key in ("batch", "epochs", "coarsen", "networks")},
        "lr": MNIST[experiment]["lr"],
        "different": MNIST["pairs"]["different"],
        "same": MNIST["pairs"]["same"],
        "digits": MNIST["structure"]["digits"],
        **{
            f"{purpose}_seed": study["seeds"][key]
            for purpose, key in (("init", "init"), ("batch", "batches"), ("pair", "pairs"))
        },
    }
    for experiment in ("pairs", "structure")
}


rule fetch_mnist:
    input:
        code=code("fetch_mnist.py"),
    output:
        images="<results>/data/mnist.nc",
    log:
        "<logs>/fetch_mnist.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        images=study["mnist"]["images"],
        download=study["mnist"]["download"],
    script:
        "../scripts/fetch_mnist.py"


rule train_mnist:
    input:
        code=code("train_mnist.py"),
        architecture=code(f"repdyn/architectures/{MNIST_NETWORK['model']}.py"),
        images="<results>/data/mnist.nc",
    output:
        runs="<results>/mnist/{experiment}.nc",
    log:
        "<logs>/mnist/{experiment}.log",
    wildcard_constraints:
        experiment="pairs|structure",
    cache: CACHED
    conda:
        "../envs/training.yaml"
    resources:
        **training(),
    params:
        row=lambda wildcards: MNIST_TRAINED[wildcards.experiment],
        device=study["training"]["device"],
    script:
        "../scripts/train_mnist.py"


rule fit_mnist_pairs:
    input:
        code=code("fit_mnist.py"),
        runs="<results>/mnist/pairs.nc",
    output:
        table=report(
            "<results>/tables/mnist_pairs.csv",
            caption="../report/mnist_fits.rst",
            category="Tables",
            labels={"table": "MNIST pairs, every network and pair"},
        ),
    log:
        "<logs>/fit_mnist_pairs.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layer=study["mnist"]["network"]["layer"],
    script:
        "../scripts/fit_mnist.py"


rule mnist_pairs:
    input:
        code=code("plot_mnist_pairs.py"),
        runs="<results>/mnist/pairs.nc",
        fits="<results>/tables/mnist_pairs.csv",
    output:
        svg=report(
            "<results>/figures/mnist_pairs.svg",
            caption="../report/mnist_pairs.rst",
            category="MNIST",
            labels={"figure": "pairs of MNIST images"},
        ),
        png="<results>/figures/mnist_pairs.png",
        csv="<results>/figures/mnist_pairs.csv",
    log:
        "<logs>/figures/mnist_pairs.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layer=study["mnist"]["network"]["layer"],
        row={**MNIST_TRAINED["pairs"], "images": MNIST["images"]},
    script:
        "../scripts/plot_mnist_pairs.py"


use rule fit_mnist_pairs as fit_mnist_structure with:
    input:
        code=code("fit_mnist.py"),
        runs="<results>/mnist/structure.nc",
    output:
        table="<results>/tables/mnist_rates.csv",
    log:
        "<logs>/fit_mnist_structure.log",
    cache: CACHED


rule compare_mnist:
    input:
        code=code("compare_mnist.py"),
        runs="<results>/mnist/structure.nc",
        fits="<results>/tables/mnist_rates.csv",
    output:
        table="<results>/tables/mnist_structure.csv",
        correlations=report(
            "<results>/tables/mnist_correlations.csv",
            caption="../report/mnist_correlations.rst",
            category="Tables",
            labels={"table": "MNIST structure, correlations and nulls"},
        ),
    log:
        "<logs>/compare_mnist.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layer=study["mnist"]["network"]["layer"],
        shuffles=study["mnist"]["structure"]["shuffles"],
        seed=study["seeds"]["shuffles"],
        intervals=study["fits"],
    script:
        "../scripts/compare_mnist.py"


rule mnist_structure:
    input:
        code=code("plot_mnist_structure.py"),
        table="<results>/tables/mnist_structure.csv",
        correlations="<results>/tables/mnist_correlations.csv",
    output:
        svg=report(
            "<results>/figures/mnist_structure.svg",
            caption="../report/mnist_structure.rst",
            category="MNIST",
            labels={"figure": "distances between digits"},
        ),
        png="<results>/figures/mnist_structure.png",
        csv="<results>/figures/mnist_structure.csv",
    log:
        "<logs>/figures/mnist_structure.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layer=study["mnist"]["network"]["layer"],
        images=study["mnist"]["images"],
        intervals=study["fits"],
    script:
        "../scripts/plot_mnist_structure.py"
