# Takes: the runs of xor and of mnist_pairs.
# Makes: tables coupled.csv (one row a network) and coupled_summary.csv (one row a setting, curve and theory); the figure
# coupled.


rule coupled_analyse:
    """Fit the theory to pairs of XOR and MNIST, each on its own and coupled."""
    input:
        code=code("coupled/analyse.py"),
        runs=expand("<results>/xor/{xor}.nc", xor=XOR),
        mnist_pairs="<results>/mnist_pairs/runs.nc",
    output:
        networks=table("coupled", "every network", "XOR"),
        summary=table("coupled_summary", "errors of every theory", "XOR"),
    params:
        layers={name: row["layer"] for name, row in XOR.items()},
        mnist_layer=MNIST["network"]["layer"],
        loss_above=study["runs"]["discard_loss_above"],
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule coupled_plot:
    """Draw the errors of pairs on their own and of coupled ones."""
    input:
        code=code("coupled/plot.py"),
        networks=rules.coupled_analyse.output.networks,
        summary=rules.coupled_analyse.output.summary,
    output:
        **figure("coupled", "pairs on their own and coupled", "XOR"),
    script:
        "../scripts/run.py"


rule coupled:
    """Whether the points of XOR, and of MNIST, feel each other."""
    input:
        rules.coupled_plot.output,
