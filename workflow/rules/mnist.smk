# Takes: MNIST from the first source that serves it (or a synthetic stand-in), and the blocks mnist, mnist_pairs and
# mnist_structure of the configuration.
# Makes: <results>/mnist/images.nc; <results>/{mnist}/runs.nc, what the networks of an experiment did: mnist_pairs,
# mnist_structure, the latter with Adam, and with steps of several sizes; tables mnist_pairs.csv (one row a network and
# pair of images) and mnist_pairs_summary.csv; mnist_structure.csv (one row a network), mnist_structure_correlations.csv
# and mnist_structure_steps.csv; the figures mnist_pairs and mnist_structure.

MNIST = study["mnist"]


ADAM, STEPS = study["mnist_structure"]["adam"], study["mnist_structure"]["steps"]
STEP_SIZES = {f"mnist_structure_steps_{finer:g}": finer for finer in STEPS["finer"]}
MNIST_TRAINED = {
    "mnist_pairs": mnist_row("mnist_pairs", study["mnist_pairs"]["lr"]),
    "mnist_structure": mnist_row("mnist_structure", study["mnist_structure"]["lr"]),
    "mnist_structure_adam": mnist_row(
        "mnist_structure_adam", ADAM["lr"], "adam", epochs=ADAM["epochs"], finer=1.0
    ),
    **{
        name: mnist_row(
            name,
            study["mnist_structure"]["lr"],
            epochs=STEPS["epochs"],
            networks=STEPS["networks"],
            finer=finer,
        )
        for name, finer in STEP_SIZES.items()
    },
}
MNIST_SOLVERS = ["mnist_structure", "mnist_structure_adam"]


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
    """Average the curves of pairs over networks, solve the theory for them, and its errors."""
    input:
        code=code("mnist_pairs/analyse.py"),
        runs="<results>/mnist_pairs/runs.nc",
        fits=rules.mnist_pairs_fit.output.table,
    output:
        curves="<results>/mnist_pairs/curves.csv",
        summary=table("mnist_pairs_summary", "errors", "MNIST"),
    params:
        confidence=study["intervals"]["confidence"],
        layer=MNIST["network"]["layer"],
    script:
        "../scripts/run.py"


rule mnist_pairs_plot:
    """Draw H, Y and w of pairs of MNIST images."""
    input:
        code=code("mnist_pairs/plot.py"),
        curves=rules.mnist_pairs_analyse.output.curves,
        runs="<results>/mnist_pairs/runs.nc",
        summary=rules.mnist_pairs_analyse.output.summary,
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
        runs="<results>/{mnist}/runs.nc",
    output:
        table="<results>/{mnist}/rates.csv",
    params:
        layer=MNIST["network"]["layer"],
    script:
        "../scripts/run.py"


rule mnist_structure_compare:
    """Compare distances between images with the theory's, and with class and input distance."""
    input:
        code=code("mnist_structure/compare.py"),
        runs=expand("<results>/{mnist}/runs.nc", mnist=MNIST_SOLVERS),
        fits=expand("<results>/{mnist}/rates.csv", mnist=MNIST_SOLVERS),
    output:
        table=table("mnist_structure", "every network", "MNIST", "mnist_structure_correlations"),
        correlations=table("mnist_structure_correlations", "correlations", "MNIST"),
        mapped="<results>/mnist_structure/pairs.csv",
    params:
        confidence=study["intervals"]["confidence"],
        layer=MNIST["network"]["layer"],
    script:
        "../scripts/run.py"


rule mnist_structure_steps:
    """Compare networks trained in steps of several sizes with themselves at the smallest."""
    input:
        code=code("mnist_structure/steps.py"),
        runs=expand("<results>/{mnist}/runs.nc", mnist=STEP_SIZES),
        fits=expand("<results>/{mnist}/rates.csv", mnist=STEP_SIZES),
    output:
        table="<results>/tables/mnist_structure_steps.csv",
        summary=table("mnist_structure_steps_summary", "size of the steps", "MNIST"),
    params:
        confidence=study["intervals"]["confidence"],
        layer=MNIST["network"]["layer"],
        epochs=STEPS["epochs"],
    script:
        "../scripts/run.py"


rule mnist_structure_plot:
    """Draw distances between digits, measured and predicted, and what correlates with them."""
    input:
        code=code("mnist_structure/plot.py"),
        mapped=rules.mnist_structure_compare.output.mapped,
        correlations=rules.mnist_structure_compare.output.correlations,
        steps=rules.mnist_structure_steps.output.summary,
    output:
        **figure("mnist_structure", "distances between digits", "MNIST"),
    params:
        confidence=study["intervals"]["confidence"],
        layer=MNIST["network"]["layer"],
        images=MNIST["images"],
        adam=ADAM,
    script:
        "../scripts/run.py"


rule mnist_structure:
    """Final distances between MNIST digits."""
    input:
        rules.mnist_structure_plot.output,
