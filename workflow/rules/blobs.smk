# Takes: the table of blobs, and the task.
# Makes: <results>/blobs/{blobs}.nc, the observed layer's representation of every input before and after training; tables
# blobs.csv (one row a network) and blobs_summary.csv (one row a setting and feature), and <results>/blobs/maps.csv (three
# dimensions of one network's representation); the figure blobs.

BLOBS = study["blobs"]["rows"]


rule blobs_train:
    """Train the networks of a row on blobs with context."""
    input:
        code=code("blobs/train.py"),
        architecture=architecture("blobs"),
    output:
        runs="<results>/blobs/{blobs}.nc",
    resources:
        **gpu_job(),
    params:
        row=lambda wildcards: BLOBS[wildcards.blobs],
        device=study["training"]["device"],
        task=study["blobs"]["task"],
        batch=study["blobs"]["batch"],
        longer=study["blobs"]["longer"],
    script:
        "../scripts/run.py"


rule blobs_measure:
    """Measure which features each representation keeps, and map one of each setting."""
    input:
        code=code("blobs/measure.py"),
        runs=expand("<results>/blobs/{blobs}.nc", blobs=BLOBS),
    output:
        table=table("blobs", "every network", "Blobs with context"),
        summary=table("blobs_summary", "features of every setting", "Blobs with context"),
        mapped="<results>/blobs/maps.csv",
    params:
        confidence=study["intervals"]["confidence"],
        settings=list(BLOBS),  # in this order
        loss_above=study["runs"]["discard_loss_above"],
        side=study["blobs"]["map_positions"],
        mds_seed=study["seeds"]["maps"],
    script:
        "../scripts/run.py"


rule blobs_plot:
    """Draw maps of representations and what their features explain."""
    input:
        code=code("blobs/plot.py"),
        mapped=rules.blobs_measure.output.mapped,
        table=rules.blobs_measure.output.table,
        summary=rules.blobs_measure.output.summary,
    output:
        **figure("blobs", "maps of the representation", "Blobs with context"),
    params:
        gains={name: row["gain"] for name, row in BLOBS.items()},
        confidence=study["intervals"]["confidence"],
        task=study["blobs"]["task"],
        longer=study["blobs"]["longer"],
        networks=study["blobs"]["networks"],
    script:
        "../scripts/run.py"


rule blobs:
    """Blobs: what a representation keeps in its context."""
    input:
        rules.blobs_plot.output,
