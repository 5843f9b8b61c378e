# Takes: the two points, MNIST, two more data sets of images (or stand-ins), and the table of modern.
# Makes: <results>/modern/data/{image_set}.nc; <results>/modern/{modern}.nc and .csv, what the networks of a row did and
# the fits to their pairs; tables modern.csv (one row a network, layer and pair), modern_networks.csv (one row a network
# and layer) and modern_summary.csv (one row a setting and layer); the figure modern.

MODERN = study["modern"]["rows"]


rule modern_fetch:
    """Fetch images from the first source that serves them."""
    input:
        code=code("modern/fetch.py"),
    output:
        data="<results>/modern/data/{image_set}.nc",
    wildcard_constraints:
        image_set="fashion_mnist|cifar10",
    params:
        name=lambda wildcards: wildcards.image_set,
        images=study["mnist"]["images"],
        sources=lambda wildcards: study["modern"]["download"][wildcards.image_set],
        cache=study["modern"]["download"]["cache"],
        timeout=study["modern"]["download"]["timeout"],
    script:
        "../scripts/run.py"


rule modern_train:
    """Train the networks of a row, and record H, Y and w of pairs and the rates that they show."""
    input:
        code=code("modern/train.py"),
        architecture=architecture("modern"),
        data=modern_data,
    output:
        runs="<results>/modern/{modern}.nc",
    resources:
        **gpu_job(),
    params:
        **training(MODERN, "modern"),
        **{key: study["modern"][key] for key in ("probes", "different", "same", "moments", "rates")},
        layer=layer_of("modern"),
    script:
        "../scripts/run.py"


rule modern_fit:
    """Fit the theory to every pair of a row, at some layers."""
    input:
        code=code("modern/fit.py"),
        runs="<results>/modern/{modern}.nc",
    output:
        fits="<results>/modern/{modern}.csv",
    params:
        layer=layer_of("modern"),
        layers=lambda wildcards: modern_layers(MODERN[wildcards.modern]),
    script:
        "../scripts/run.py"


rule modern_analyse:
    """Average errors, clocks and measured rates over pairs, and over the networks of each row."""
    input:
        code=code("modern/analyse.py"),
        fits=expand("<results>/modern/{modern}.csv", modern=MODERN),
    output:
        table=table("modern", "every network, layer and pair", "Modern networks"),
        networks=table("modern_networks", "every network and layer", "Modern networks"),
        summary=table("modern_summary", "means of every setting", "Modern networks"),
    params:
        rows=list(MODERN.values()),  # in this order
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule modern_plot:
    """Draw the errors of trajectory, path and drifting clock by layer, and the drift of measured rates."""
    input:
        code=code("modern/plot.py"),
        networks=rules.modern_analyse.output.networks,
        summary=rules.modern_analyse.output.summary,
    output:
        **figure("modern", "networks beyond the paper's", "Modern networks"),
    params:
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule modern:
    """Normalisation, attention and real images: does the theory describe pairs there?"""
    input:
        rules.modern_plot.output,
