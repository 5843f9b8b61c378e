# Takes: config/claims.yaml, and the tables that its claims name.
# Makes: <results>/claims.csv, for each claim whether it is supported, with number, interval and n; claims.md, in words;
# found.csv, the same in words a figure, which captions of the report read as config["found"][FIGURE].

MAKERS = {
    Path(path).stem: (job.name, path)
    for job in own(workflow.rules)
    for path in job.output
    if Path(path).parent.name == "tables"
}
SHOWN = experiments(own(workflow.rules))
CLAIMS = checked(claims.load, here_or_shipped(study["claims"]["file"]), {*MAKERS}, {*SHOWN})
# what a claim needs may lack rows that are not selected; it is told as not evaluated then
DECIDING = {
    path
    for maker, path in (MAKERS[claim.table] for claim in CLAIMS)
    if not any(maker.startswith(f"{name}_") for name in study["faults"])
}


config["found"] = claims.found(f"{study['results']}/found.csv", SHOWN)


rule claims_evaluate:
    """Hold every claim against its table: supported, refuted or undecided."""
    input:
        code=code("claims/evaluate.py"),
        tables=sorted(DECIDING),
    output:
        table=report(
            "<results>/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"result": "table, every claim"},
        ),
        words="<results>/claims.md",
        found="<results>/found.csv",
    params:
        claims=[asdict(claim) for claim in CLAIMS],
        figures={claim.name: shown_by(claim) for claim in CLAIMS},
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


RECORD = here_or_shipped("docs/record/claims.csv")
# of claims that are compared only where the networks are alike
RECORDED = sorted({f"docs/record/tables/{claim.table}.csv" for claim in CLAIMS if claim.alike})


rule claims_compare:
    """Hold the numbers of the claims against those of the study of record."""
    input:
        code=code("claims/compare.py"),
        tables=sorted(DECIDING),
        record=local(RECORD),
        recorded=[local(path) for path in map(here_or_shipped, RECORDED) if os.path.isfile(path)],
    output:
        words="<results>/compared.md",
    params:
        claims=[asdict(claim) for claim in CLAIMS],
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule claims:
    """Say what was found of every claim of the papers and of this project."""
    input:
        rules.claims_evaluate.output,
        [rules.claims_compare.output] if os.path.isfile(RECORD) else [],
