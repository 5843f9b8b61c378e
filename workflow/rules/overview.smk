# Takes: the claims, and the pictures of all figures.
# Makes: <results>/overview.html, what was found on one page, with which the report begins.

DRAWN = [name for name in SHOWN if name not in study["faults"]]


rule overview_write:
    """Put the verdicts, and pictures that lead to the figures, on one page."""
    input:
        code=code("overview/write.py"),
        template=shipped(SCRIPTS / "overview" / "page.html.jinja"),
        claims=rules.claims_evaluate.output.table,
        pictures=expand("<results>/figures/{name}.png", name=DRAWN),
    output:
        page="<results>/overview.html",
    params:
        figures={claim.name: shown_by(claim) for claim in CLAIMS},
        questions={name: question(name, own(workflow.rules)) for name in DRAWN},
    script:
        "../scripts/run.py"


rule overview:
    """What was found: every claim, beside the figure that shows it."""
    input:
        rules.overview_write.output,
