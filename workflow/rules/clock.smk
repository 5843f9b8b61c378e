# Takes: the two points and the table of clock, whose rows differ in one thing at a time.
# Makes: <results>/clock/{clock}.nc and .csv, runs and fits as those of two_points; tables clock.csv (one row a network and
# hidden layer), clock_networks.csv (one row a network) and clock_summary.csv (one row a setting); the figures clock,
# clock_orbit and clock_drift.

CLOCK = study["clock"]["rows"]


rule clock_train:
    """Train the networks of a row, and record H, Y and w of every hidden layer at every step."""
    input:
        code=code("two_points/train.py"),
        architecture=architecture("clock"),
        data=rules.two_points_data.output.data,
    output:
        runs="<results>/clock/{clock}.nc",
    resources:
        **gpu_job(),
    params:
        **training(CLOCK, "clock"),
    script:
        "../scripts/run.py"


rule clock_fit:
    """Fit the theory's rates and the drift of its clock to every network and hidden layer of a row."""
    input:
        code=code("two_points/fit.py"),
        runs="<results>/clock/{clock}.nc",
    output:
        fits="<results>/clock/{clock}.csv",
    params:
        loss_above=study["runs"]["discard_loss_above"],
    script:
        "../scripts/run.py"


rule clock_analyse:
    """Compare orbit, clock and drift of all networks, and average them over those of each row."""
    input:
        code=code("clock/analyse.py"),
        fits=expand("<results>/clock/{clock}.csv", clock=CLOCK),
    output:
        layers=table("clock", "every network and layer", "Orbit and clock"),
        networks=table("clock_networks", "every network", "Orbit and clock"),
        summary=table("clock_summary", "means of every setting", "Orbit and clock"),
    params:
        rows=list(CLOCK.values()),  # in this order
        explore=study["clock"]["explore"],
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule clock_plot:
    """Draw the errors of trajectory, orbit and drifting clock at the middle layer of every row."""
    input:
        code=code("clock/plot.py"),
        networks=rules.clock_analyse.output.networks,
        summary=rules.clock_analyse.output.summary,
    output:
        **figure("clock", "path and timing", "Orbit and clock"),
    params:
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule clock:
    """Which path networks take, and how fast they run through it."""
    input:
        rules.clock_plot.output,


rule clock_orbit_plot:
    """Draw the exponent of the orbit over the place of the observed layer."""
    input:
        code=code("clock_orbit/plot.py"),
        layers=rules.clock_analyse.output.layers,
        summary=rules.clock_analyse.output.summary,
    output:
        **figure("clock_orbit", "orbit and depth", "Orbit and clock"),
    script:
        "../scripts/run.py"


rule clock_orbit:
    """How the path depends on the place of the observed layer."""
    input:
        rules.clock_orbit_plot.output,


rule clock_drift_plot:
    """Draw the drift of the clock beside its prediction from the tangent kernel."""
    input:
        code=code("clock_drift/plot.py"),
        networks=rules.clock_analyse.output.networks,
        summary=rules.clock_analyse.output.summary,
    output:
        **figure("clock_drift", "drift and tangent kernel", "Orbit and clock"),
    params:
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule clock_drift:
    """What sets the drift of the clock."""
    input:
        rules.clock_drift_plot.output,
