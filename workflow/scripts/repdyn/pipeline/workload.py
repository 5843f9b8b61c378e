"""What a study trains, before it does: for every row of every rule networks, steps, parameters, numbers that are kept.

It is counted from the checked configuration alone, without torch. `cost` makes seconds and bytes of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from repdyn import networks
from repdyn.pipeline import between
from repdyn.pipeline.tables import hidden_layers, shape_of
from repdyn.training.optimisers import FLOW, OPTIMISERS

RESTING = 0.5  # of the steps of two points are made before a network is at rest (`training.rest_loss`)
FLOWING = 0.05  # passes of the solver flow for one of plain steps
DONE = 3000  # steps of the paper's learning rates after which a cell of `final_distance` has learned, about
KEPT = 450  # moments of a cell of `final_distance`, about
OVERHEAD = {True: 2e4, False: 1e6}  # what a step costs beside its parameters, in parameters: compiled, torch module


@dataclass(frozen=True)
class Load:
    """One job that trains.

    networks     how many are trained together
    steps        of each, as far as they are made
    parameters   of each
    layers       hidden layers of each
    floats       numbers that are kept of each
    compiled     whether its layers are, or torch's autograd trains it
    copies       of the parameters: with what the solver keeps
    data         bytes of what all of them learn
    """

    row: str
    networks: int
    steps: float
    parameters: float
    layers: int
    floats: float
    compiled: bool = True
    copies: int = 1
    data: float = 0.0

    @property
    def work(self) -> float:
        """Parameters times steps of all networks."""
        return self.networks * self.steps * (self.parameters + OVERHEAD[self.compiled])


# whose networks a rule looks at, where its name does not say so
_OF = {"depth": "two_points", "gains": "two_points", "losses": "two_points", "architectures": "two_points"}
_OF |= {"out_of_sample": "final_distance", "coupled": "xor", "claims": "two_points"}


def loads(study: dict) -> dict[str, list[Load]]:
    """Jobs of every rule that trains, in the order of their rows; `study` is what `study.load_study` returns."""
    return {f"{name}_train": list(of(study)) for name, of in _RULES.items()}


def followed(rule: str) -> str:
    """The rule that trains what a rule looks at; itself, if it trains."""
    experiment = rule.rsplit("_", 1)[0]
    own = max((name for name in _RULES if f"{rule}_".startswith(f"{name}_")), key=len, default="")
    return f"{own or _OF.get(experiment) or experiment.split('_')[0]}_train"


def work(rule: str, jobs: dict[str, list[Load]]) -> float:
    """What the time of a rule grows with: parameters times steps if it trains, else networks times layers.

    jobs: what `loads` returns. 0 where the rule follows none of them.
    """
    mine = jobs.get(followed(rule), [])
    return sum(load.work if rule in jobs else load.networks * load.layers for load in mine)


def _load(row: dict, floats: Callable[[int], float], times: float = 1.0, steps: float | None = None, **ends) -> Load:
    """Of a row with the columns of two_points; `times` as many networks, or `steps` in place of the row's."""
    ends = {key: row.get(key, 1) for key in ("in_dim", "out_dim")} | ends
    shape, count = shape_of(row, **ends), hidden_layers(row, **ends)
    found = networks.layers(row["model"], shape)
    compiled = isinstance(found, list)
    if compiled:
        sizes = [(*layer.weights.weight_shape, layer.weights.bias_size) for layer in found]
        parameters = sum(inputs * outputs + biases for inputs, outputs, biases in sizes)
    else:
        parameters = row["width"] * (row["width"] * row["depth"] + ends["in_dim"] + ends["out_dim"])
    made = row["steps"] * row.get("finer", 1) * (RESTING if row.get("rest_loss") else 1) if steps is None else steps
    made *= FLOWING if row.get("solver") == FLOW else 1
    copies = 2 if row.get("solver") == FLOW else 1 + OPTIMISERS[row.get("solver", "sgd")].memory
    return Load(row["name"], round(row["networks"] * times), made, parameters, count, floats(count), compiled, copies)


def _every_step(row: dict) -> Callable[[int], float]:
    """H of all layers, and four curves, at every step."""
    return lambda layers: row["steps"] * row.get("finer", 1) * (layers + 4)


def _two_points(experiment: str) -> Callable[[dict], Iterator[Load]]:
    def of(study):
        for row in study[experiment]["rows"].values():
            yield _load(row, _every_step(row))

    return of


def _chosen(study: dict, experiment: str, exactly: bool = False) -> Iterator[dict]:
    """Rows of two points that an experiment has with networks and a width of its own."""
    block = study[experiment]
    for name in [] if experiment in study["faults"] else block["rows"]:
        row = study["two_points"]["rows"][name]
        width = row["width"] if row["model"] == "cnn" else min(row["width"], block["width"])
        yield {**row, "networks": block["networks"], "width": block["width"] if exactly else width}


def _falsification(study):
    block = study["falsification"]
    for row in _chosen(study, "falsification"):
        steps = row["steps"] * row["finer"]
        yield _load(row, lambda layers, n=steps: n / 5 * (layers + 6), len(block["outputs"]), in_dim=block["inputs"])


def _final_distance(study):
    block = study["final_distance"]
    cells = 2 * len(block["dx"]) * len(block["dy"])
    steps = min(block["steps"], DONE * block["finer"])
    for row in _chosen(study, "final_distance"):
        yield _load(row, lambda layers: KEPT * (layers + 5) + 500, cells, steps, in_dim=block["inputs"])


def _phase_diagram(study):
    for row in study["phase_diagram"]["rows"].values():
        cells = {**row, "model": "mlp", "solver": "sgd"}
        yield _load(cells, _every_step(row), row["gains"])


def _repeatability(study):
    finer = study["repeatability"]["finer"]
    for row in _chosen(study, "repeatability", exactly=True):
        steps = (2 + sum(finer)) * row["steps"] * (RESTING if row["rest_loss"] else 1)
        yield _load(row, lambda layers, n=row["steps"]: (2 + len(finer)) * n * (layers + 4), steps=steps)


def _measured_rates(study):
    moments = study["measured_rates"]["moments"]
    for row in _chosen(study, "measured_rates"):
        yield _load(row, lambda layers: 20 * moments * layers + 1000)


def _xor(study):
    for row in study["xor"]["rows"].values():
        yield _load(row, lambda layers: 120 * 2 * (6 * layers + 5), in_dim=2)


def _xor_rates(study):
    shared = {**study["two_points"]["task"], "finer": 1, "rest_loss": study["training"]["rest_loss"]}
    for row in study["xor"]["rows"].values():
        yield _load({**row, **shared}, _every_step(row))


def _blobs(study):
    block = study["blobs"]
    inputs, pixels = 2 * block["task"]["positions"] ** 2, block["task"]["pixels"] ** 2
    for row in study["blobs"]["rows"].values():
        examples = row["epochs"] * block["longer"] * inputs
        width = row["width"]
        yield _load({**row, "steps": 0}, lambda _, w=width: 2 * inputs * w, steps=examples, in_dim=pixels + 2)


def _mnist(study):
    block, structure = study["mnist"], study["mnist_structure"]
    images = 60_000 if block["images"] == "mnist" else 2_000
    pairs = study["mnist_pairs"]["different"] + study["mnist_pairs"]["same"]
    probes, steps = 10 * structure["digits"], structure["steps"]
    trained = {
        "mnist_pairs": (block["epochs"] * block["finer"], block["networks"]),
        "mnist_structure": (block["epochs"] * block["finer"], block["networks"]),
        "mnist_structure_adam": (structure["adam"]["epochs"], block["networks"]),
        **{f"mnist_structure_steps_{f:g}": (steps["epochs"] * f, steps["networks"]) for f in steps["finer"]},
    }
    for name, (epochs, count) in trained.items():
        row = {**block["network"], "name": name, "networks": count, "steps": 0}

        def floats(layers, epochs=epochs):
            return 4 * layers * probes**2 + pairs * epochs * (layers + 4)

        load = _load(row, floats, steps=images * epochs, in_dim=784, out_dim=10)
        yield replace(load, data=5.0 * 784 * images)


def _response(study):
    block, task = study["response"], study["response"]["task"]
    points, methods = 2 ** task["bits"], len(block["methods"])
    for row in block["rows"].values():
        kept = methods * block["times"] * (3 * points**2 * task["finer"] + 300)
        yield _of_response(row, methods * row["steps"], kept, task)


def _response_plasticity(study):
    block, task = study["response_plasticity"], study["response"]["task"]
    methods, ages = len(block["methods"]), len(block["ages"])
    for row in study["response"]["rows"].values():
        if row["shape"] == "circle":
            steps = methods * (2 + ages) * row["steps"]
            yield _of_response(row, steps, methods * (1 + ages) * block["times"], task)


def _modern(study):
    block = study["modern"]
    curves = block["moments"] * (block["different"] + block["same"])
    for row in block["rows"].values():
        seen = 1 if row["data"] == "two_points" else row["batch"] / 2  # passes of two points
        ends = between.ends_of(row["data"])
        yield _load(row, lambda layers: curves * (layers + 4), steps=row["steps"] * seen, **ends)


def _of_response(row: dict, steps: float, kept: float, task: dict) -> Load:
    plain = {**row, "model": "mlp", "depth": 1, "solver": "sgd"}
    return _load(plain, lambda _: kept, steps=steps, in_dim=2, out_dim=task["bits"])


_RULES = {
    **{name: _two_points(name) for name in ("two_points", "clock", "width")},
    "measured_rates": _measured_rates,
    "phase_diagram": _phase_diagram,
    "falsification": _falsification,
    "final_distance": _final_distance,
    "repeatability": _repeatability,
    "xor": _xor,
    "xor_rates": _xor_rates,
    "blobs": _blobs,
    "mnist": _mnist,
    "modern": _modern,
    "response": _response,
    "response_plasticity": _response_plasticity,
}
