# Takes: runs and fits of the first row of clock, and the means of all its rows.
# Makes: <results>/key_figure/curves.csv, some networks of that row beside the theory; the figure key_figure, which README
# and the report begin with.

KEY = next(iter(CLOCK))


rule key_figure_analyse:
    """Solve the theory for some networks of the first row of clock, in time and along the path."""
    input:
        code=code("key_figure/analyse.py"),
        runs=f"<results>/clock/{KEY}.nc",
        fits=f"<results>/clock/{KEY}.csv",
    output:
        curves="<results>/key_figure/curves.csv",
    params:
        layer=CLOCK[KEY]["layer"],
        explore=study["clock"]["explore"],
    script:
        "../scripts/run.py"


rule key_figure_plot:
    """Draw what was found in one picture: timing, path, and the errors of both in every row of clock."""
    input:
        code=code("key_figure/plot.py"),
        curves=rules.key_figure_analyse.output.curves,
        summary=rules.clock_analyse.output.summary,
    output:
        **figure("key_figure", "path and timing in one picture", "Overview"),
    params:
        setting=KEY,
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule key_figure:
    """What was found, in one picture."""
    input:
        rules.key_figure_plot.output,
