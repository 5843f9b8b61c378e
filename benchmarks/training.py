"""How fast training is beside what else one could take for it, on one core, in one run.

    python benchmarks/training.py            all comparisons below, in about six minutes
    python benchmarks/training.py --figure   docs/benchmark.svg, .png and .csv: over width, depth and number of networks
                                             (a quarter of an hour)

Steps: the networks of the two-point table, 20 layers, leaky ReLU, SGD, two points, and at every step the squared
distance of the two points in all hidden layers, the outputs and the loss are recorded. Compared are

    repdyn              the compiled trainer through `loop.run`, which is what the study runs
    torch, usual        autograd, torch.optim.SGD, and one evaluation pass a step from which everything is read
    torch, lean         the same with everything read from the training pass, and nothing brought to Python till the end
    torch.compile       forward pass, gradient and update as one compiled function
    torch.func          vmap over an ensemble of functional_call and grad
    JAX, step           jit of a step, parameters donated
    JAX, scan           jit of lax.scan over steps, parameters donated
    JAX, scan, vmap     the same over an ensemble

All of them start from the same networks, and what they recorded is compared before they are timed. Making networks and
compiling is not counted. Each has one core and one thread. Rounds alternate between them, so that a slow moment of the
machine hits them alike; rates are medians, in steps of one network a second, for ensembles too. Ratios: median over
rounds of repdyn to that peer.

Flow: the solver `flow` at its usual tolerance against plain steps of half the table's learning rate, for the smooth
rows; at width 100 both are compared with steps of an eighth of it, at width 500 they are timed.

Two jobs: two processes of the compiled trainer, each on a core of its own, against one of them alone.

Modules: twenty LayerNorm networks by the module trainer, against the usual loop, one network after the other.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from repdyn import networks
from repdyn.networks import Shape, modules
from repdyn.plotting import pages, style
from repdyn.training import loop, recorders
from repdyn.training.batches import Points
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import Ensemble, Member, initial_parameters

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]  # those that we may use
X = np.array([[-1.0], [0.0]], np.float32)
Y = np.array([[0.6], [0.6 + 0.5**0.5]], np.float32)
WIDTHS, DEPTH, LR = (50, 100, 500), 20, 0.001  # a rate that no network diverges at: all do the same work to the end
# networks that a peer trains together at each of these widths: what serves it best of 1 to 100, at 500 of 1 to 8
ENSEMBLES = {"torch.func": (100, 100, 8), "JAX, scan, vmap": (20, 4, 2)}
OURS = "repdyn"
CHECKED = 20  # steps after which all must have recorded the same
AGREEMENT = 1e-3  # of distances, relative to the largest in each layer, and of the loss (about 0.5)
SCAN = 100  # steps of one call of a compiled loop
# activation: gain and learning rate of the table's rows that have a flow
SMOOTH = {"tanh": (0.85, 0.0025), "silu": (1.7, 0.005), "elu": (0.95, 0.0009), "none": (0.85, 0.0025)}
STEPS = 3000  # of the table's rows

# What trains: of a width, a depth and a number of networks makes run(steps), which goes on from where it was and
# returns squared distances (network, step, layer) and the losses (network, step).
Run = Callable[[int], tuple[np.ndarray, np.ndarray]]


def ensemble(width: int, depth: int, count: int, model="mlp", activation="leaky_relu", gain=1.0, lr=LR, **options):
    members = tuple(Member(seed, gain, lr) for seed in range(count))
    return Ensemble(model, Shape(width, depth, activation), members, **options)


def recorded(of: Ensemble, steps: int, every: int = 1, **options):
    """All that the study records of the two points."""
    at = recorders.every(every, steps - 1)
    return loop.run(of, Points(X, Y), steps, [recorders.Pairs(at)], **options)


def first_parameters(width: int, depth: int, count: int) -> list[list[tuple[torch.Tensor, torch.Tensor]]]:
    """Of each network the weights (inputs, outputs) and biases, those that repdyn begins with."""
    of = ensemble(width, depth, count)
    layers = networks.layers(of.model, of.shape)
    return [initial_parameters(layers, member, of.init_seed) for member in of.members]


def kept(kind: type) -> Callable:
    """A trainer whose networks are made once, and go on from where they were, as those of the others do."""
    trainers = {}

    def trainer(some, device):
        if some.members not in trainers:
            trainers[some.members] = kind(some, device)
        return trainers[some.members]

    return trainer


def ours(width: int, depth: int, count: int) -> Run:
    of, trainer = ensemble(width, depth, count), kept(CompiledTrainer)

    def run(steps):
        found = recorded(of, steps, trainer=trainer)
        if (found.diverged_at >= 0).any():
            raise RuntimeError("a network diverged: the others would do more work")
        return found.distance.values[:, :, 0].swapaxes(1, 2), found.batch_loss.values

    return run


class Network(nn.Module):
    """The network as one would write it; its forward pass returns the output and the hidden layers."""

    def __init__(self, parameters):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*weight.shape) for weight, _ in parameters)
        with torch.no_grad():
            for layer, (weight, bias) in zip(self.layers, parameters):
                layer.weight.copy_(weight.mT)
                layer.bias.copy_(bias)

    def forward(self, x):
        hidden = []
        for layer in self.layers[:-1]:
            x = nn.functional.leaky_relu(layer(x))
            hidden.append(x)
        return self.layers[-1](x), hidden


def usual_loop(network: nn.Module, lr: float = LR) -> Run:
    """How one trains and observes a network without thinking of speed: network(x) gives output and hidden layers."""
    criterion, x, y = nn.MSELoss(), torch.tensor(X), torch.tensor(Y)
    optimiser = torch.optim.SGD(network.parameters(), lr=lr)

    @torch.enable_grad()
    def run(steps):
        distances, losses, outputs = [], [], []
        for _ in range(steps):
            network.eval()
            with torch.no_grad():
                output, hidden = network(x)
                losses.append(0.5 * criterion(output, y).item())
                distances.append([(h[0] - h[1]).square().sum().item() for h in hidden])
                outputs.append(output.numpy().copy())
            network.train()
            optimiser.zero_grad()
            (0.5 * criterion(network(x)[0], y)).backward()
            optimiser.step()
        return np.array([distances]), np.array([losses])

    return run


def usual(width: int, depth: int, count: int) -> Run:
    return usual_loop(Network(first_parameters(width, depth, 1)[0]))


def lean(width: int, depth: int, count: int) -> Run:
    network, x, y = Network(first_parameters(width, depth, 1)[0]), torch.tensor(X), torch.tensor(Y)
    optimiser = torch.optim.SGD(network.parameters(), lr=LR)

    @torch.enable_grad()
    def run(steps):
        distances, losses, outputs = [], [], []
        for _ in range(steps):
            output, hidden = network(x)
            loss = 0.5 * (output - y).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            apart = torch.stack(hidden).detach()
            distances.append((apart[:, 0] - apart[:, 1]).square().sum(1))
            losses.append(loss.detach())
            outputs.append(output.detach())
        return torch.stack(distances)[None].numpy(), torch.stack(losses)[None].numpy()

    return run


def loss_and_seen(parameters, x, y):
    """Loss, and what is recorded: distances (layer,), output; of parameters [(weight, bias), ...]."""
    h, hidden = x, []
    for weight, bias in parameters[:-1]:
        h = nn.functional.leaky_relu(nn.functional.linear(h, weight, bias))
        hidden.append(h)
    output = nn.functional.linear(h, *parameters[-1])
    apart = torch.stack(hidden)
    loss = 0.5 * (output - y).square().mean()
    return loss, (loss, (apart[:, 0] - apart[:, 1]).square().sum(1), output)


def compiled(width: int, depth: int, count: int) -> Run:
    x, y = torch.tensor(X), torch.tensor(Y)
    parameters = [(weight.mT.contiguous(), bias) for weight, bias in first_parameters(width, depth, 1)[0]]

    torch.compiler.reset()  # each shape is compiled anew, and not as a variant of the one before

    @torch.compile(dynamic=False, fullgraph=True)
    def step(parameters):
        gradients, seen = torch.func.grad(loss_and_seen, has_aux=True)(parameters, x, y)
        for layer, slopes in zip(parameters, gradients):
            for p, g in zip(layer, slopes):
                p.sub_(g, alpha=LR)
        return seen

    def run(steps):
        with torch.no_grad():
            losses, distances, _ = zip(*(step(parameters) for _ in range(steps)))
        return torch.stack(distances)[None].numpy(), torch.stack(losses)[None].numpy()

    return run


def stacked(width: int, depth: int, count: int) -> Run:
    each = [Network(parameters) for parameters in first_parameters(width, depth, count)]
    parameters, _ = torch.func.stack_module_state(each)
    parameters = {name: p.detach() for name, p in parameters.items()}
    template, x, y = each[0].to("meta"), torch.tensor(X), torch.tensor(Y)

    def loss_and_seen(parameters):
        output, hidden = torch.func.functional_call(template, parameters, (x,))
        apart = torch.stack(hidden)
        loss = 0.5 * (output - y).square().mean()
        return loss, (loss, (apart[:, 0] - apart[:, 1]).square().sum(1), output)

    slope = torch.vmap(torch.func.grad(loss_and_seen, has_aux=True))

    def run(steps):
        seen = []
        with torch.no_grad():
            for _ in range(steps):
                gradients, now = slope(parameters)
                for name, p in parameters.items():
                    p.sub_(gradients[name], alpha=LR)
                seen.append(now)
        losses, distances, _ = zip(*seen)
        return torch.stack(distances, 1).numpy(), torch.stack(losses, 1).numpy()

    return run


def jax_step(over_networks: bool):
    """step(parameters, _) -> parameters, (loss, distances, output) in JAX."""
    import jax
    import jax.numpy as jnp

    def loss_and_seen(parameters):
        h, hidden = X, []
        for weight, bias in parameters[:-1]:
            z = h @ weight + bias
            h = jnp.where(z > 0, z, 0.01 * z)  # jax.nn.leaky_relu has another slope at 0, where all units begin
            hidden.append(jnp.sum((h[0] - h[1]) ** 2))
        output = h @ parameters[-1][0] + parameters[-1][1]
        return 0.5 * jnp.mean((output - Y) ** 2), (jnp.stack(hidden), output)

    def slope(parameters):
        (loss, seen), gradients = jax.value_and_grad(loss_and_seen, has_aux=True)(parameters)
        return jax.tree.map(lambda p, g: p - LR * g, parameters, gradients), (loss, *seen)

    slope = jax.vmap(slope) if over_networks else slope
    return lambda parameters, _: slope(parameters)


def in_jax(scanned: bool, over_networks: bool) -> Callable[[int, int, int], Run]:
    def make(width: int, depth: int, count: int) -> Run:
        import jax
        import jax.numpy as jnp

        each = first_parameters(width, depth, count if over_networks else 1)
        each = [[tuple(jnp.array(part.numpy()) for part in layer) for layer in one] for one in each]
        state = [jax.tree.map(lambda *parts: jnp.stack(parts), *each) if over_networks else each[0]]
        step = jax_step(over_networks)
        one = jax.jit(step, donate_argnums=0)
        scans = {}

        def scan(length):
            if length not in scans:
                scans[length] = jax.jit(lambda p: jax.lax.scan(step, p, None, length=length), donate_argnums=0)
            return scans[length]

        def run(steps):
            seen, left = [], steps
            while left:
                now = min(left, SCAN) if scanned else 1
                state[0], found = scan(now)(state[0]) if scanned else one(state[0], None)
                seen.append(found)
                left -= now
            jax.block_until_ready((state[0], seen))
            losses, distances, _ = zip(*seen)
            along = np.concatenate if scanned else np.stack  # time comes first, then networks
            return tuple(_networks_first(along(v), over_networks) for v in (distances, losses))

        return run

    return make


def _networks_first(values: np.ndarray, over_networks: bool) -> np.ndarray:
    return values.swapaxes(0, 1) if over_networks else values[None]


PEERS: dict[str, Callable[[int, int, int], Run]] = {
    "torch, usual": usual,
    "torch, lean": lean,
    "torch.compile": compiled,
    "torch.func": stacked,
    "JAX, step": in_jax(False, False),
    "JAX, scan": in_jax(True, False),
    "JAX, scan, vmap": in_jax(True, True),
}


def on_one_core() -> None:
    """This process and all threads that it will start get one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, CORES[-1:])
    torch.set_num_threads(1)


def has_jax() -> bool:
    try:
        import jax  # noqa: F401
    except ImportError:
        return False
    return True


Case = tuple[str, int]  # what trains, and how many networks


def made(cases: list[Case], width: int, depth: int) -> dict[Case, Run]:
    """Everything that can be timed here, warm; says what can't, and why, and what recorded something else."""
    found = {}
    reference = _checked(ours(width, depth, max(count for _, count in cases)))
    for name, count in cases:
        try:
            run = ours(width, depth, count) if name == OURS else PEERS[name](width, depth, count)
            seen = _checked(run)
        except Exception as error:  # whatever hinders a peer here is to be said, and the others go on
            if name == OURS:
                raise
            print(f"  {name:16} NOT COMPARED: {type(error).__name__}: {str(error).splitlines()[:1]}")
            continue
        parts = zip(seen, reference)
        # the median over networks: in one of a hundred, rounding puts a unit on the other side of its kink
        apart = max(np.median(np.abs(a - b[:count]).reshape(count, -1).max(1)) for a, b in parts)
        # at x = 0 all units begin at their kink, and each further layer brings rounding closer to it
        if not apart < AGREEMENT * max(1, depth - DEPTH):
            print(f"  {name:16} RECORDED SOMETHING ELSE: it differs by {apart:.1e} from repdyn, {depth} x {width}")
        found[name, count] = run
    return found


def _checked(run: Run) -> list[np.ndarray]:
    """What it records in its first steps; distances by the largest of their layer."""
    distances, losses = (np.asarray(values, float) for values in run(CHECKED))
    return [distances / distances.max(1, keepdims=True), losses]


def rate(run: Run, count: int, steps: int) -> float:
    """Steps of one network a second."""
    started = time.perf_counter()
    run(steps)
    return count * steps / (time.perf_counter() - started)


def alternating(runs: dict[Case, Run], rounds: int, seconds: float) -> dict[Case, list[float]]:
    """Rates of each in every round, each measured for about so many seconds."""
    steps, rates = {}, {case: [] for case in runs}
    with loop.flushed_subnormals():  # for all of them
        for (name, count), run in runs.items():
            many = 2
            for part in (0.2, 1):
                run(many)  # a loop of this length may have to be compiled
                many = max(2, int(part * seconds * rate(run, count, many) / count))
            many = -(-many // SCAN) * SCAN if many > SCAN else many
            run(many)
            steps[name, count] = many
        for _ in range(rounds):
            for case, run in runs.items():
                rates[case].append(rate(run, case[1], steps[case]))
    return rates


def ratio(rates: dict[Case, list[float]], one: Case, other: Case) -> float:
    """Median over rounds."""
    return median(a / b for a, b in zip(rates[one], rates[other], strict=True))


def best(rates: dict[Case, list[float]], among) -> Case:
    """The one with the largest median."""
    return max((case for case in rates if case[0] in among), key=lambda case: median(rates[case]))


def peers() -> list[str]:
    """Those that are installed."""
    return [name for name in PEERS if has_jax() or not name.startswith("JAX")]


def compare_steps(rounds: int = 5, seconds: float = 0.6) -> dict[str, float]:
    """The compiled trainer and all its peers; repdyn's ratio to the best of them at each width."""
    ratios = {}
    for place, width in enumerate(WIDTHS):
        print(f"steps: {DEPTH} x {width}, leaky ReLU, SGD, two points, all layers recorded at every step", flush=True)
        own = [(OURS, 1)] + [(name, ENSEMBLES[name][place] if name in ENSEMBLES else 1) for name in peers()]
        rates = alternating(made(own, width, DEPTH), rounds, seconds)
        for (name, count), values in rates.items():
            told = f"{median(values):6.0f} network-steps/s  (from {min(values):.0f} to {max(values):.0f})"
            against = "" if name == OURS else f"repdyn is {ratio(rates, (OURS, 1), (name, count)):5.2f} times as fast"
            many = f"{count} networks at once" if count > 1 else ""
            print(f"  {name:16}{told:46}{against:34}{many}".rstrip(), flush=True)
        first = best(rates, PEERS)
        ratios[f"width {width}"] = ratio(rates, (OURS, 1), first)
        print(f"  repdyn / best of all peers ({first[0]}): {ratios[f'width {width}']:.2f}", flush=True)
    return ratios


def smooth(activation: str, width: int, solver: str, finer: int) -> Ensemble:
    """A network of a smooth row of the table, at its learning rate divided by `finer`."""
    gain, lr = SMOOTH[activation]
    return ensemble(width, DEPTH, 1, activation=activation, gain=gain, lr=lr / finer, solver=solver)


def followed(of: Ensemble, finer: int) -> np.ndarray:
    """Distances (layer, moment) at the moments of the table's steps."""
    return recorded(of, finer * STEPS, finer).distance.values[0, :, 0].astype(float)


def compare_flow() -> dict[str, float]:
    """Seconds of plain steps over seconds of the flow at width 500, for each smooth row."""
    print(f"flow: rows of the table, depth {DEPTH}, lr/2, one network; deviation of H from steps of lr/8 at width 100")
    ratios = {}
    for activation in SMOOTH:
        truth, apart, taken = followed(smooth(activation, 100, "sgd", 8), 8), {}, {}
        for solver in ("sgd", "flow"):
            found = followed(smooth(activation, 100, solver, 2), 2)
            apart[solver] = (np.abs(found - truth).max(1) / truth.max(1)).max()
            recorded(smooth(activation, 500, solver, 2), 2)
            started = time.perf_counter()
            recorded(smooth(activation, 500, solver, 2), 2 * STEPS)
            taken[solver] = time.perf_counter() - started
        gain = ratios[f"flow, {activation}"] = taken["sgd"] / taken["flow"]
        print(
            f"  {activation:5} deviation: steps {apart['sgd']:.1e}, flow {apart['flow']:.1e};   width 500: steps "
            f"{taken['sgd']:.1f} s, flow {taken['flow']:.1f} s, {gain:.1f} times as fast",
            flush=True,
        )
    return ratios


def job(core: int) -> None:
    """A process that trains when told to: for each line, so many steps at width 500; answers with the rate."""
    os.sched_setaffinity(0, [core])
    torch.set_num_threads(1)
    run = ours(500, DEPTH, 1)
    run(2)
    print("ready", flush=True)
    for line in sys.stdin:
        print(rate(run, 1, int(line)), flush=True)


def compare_jobs(rounds: int = 3, steps: int = 1500) -> dict[str, float]:
    """Throughput of two jobs at once over that of one."""
    if len(CORES) < 2:
        print("two jobs: NOT COMPARED, this process may use one core alone")
        return {}
    jobs = []
    for core in CORES[:2]:
        command = [sys.executable, __file__, "--job", str(core)]
        jobs.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def rates(some):
        for each in some:
            each.stdin.write(f"{steps}\n")
            each.stdin.flush()
        return [float(each.stdout.readline()) for each in some]

    try:
        for each in jobs:
            each.stdout.readline()
        gains, alone, both = [], [], []
        for n in range(rounds):
            alone.append(median(rates([each])[0] for each in jobs))
            both.append(sum(rates(jobs)))
            gains.append(both[n] / alone[n])
    finally:
        for each in jobs:
            each.stdin.close()
            each.wait()
    print(
        f"two jobs: {DEPTH} x 500, on cores {CORES[0]} and {CORES[1]}, one thread each: one alone {median(alone):.0f} "
        f"steps/s, two at once {median(both):.0f} together, {median(gains):.2f} times one",
        flush=True,
    )
    return {"two jobs": median(gains)}


def watched(of: Ensemble) -> nn.Module:
    """A module of any architecture whose forward pass returns its output and its hidden layers."""
    template, hidden = modules.made(networks.layers(of.model, of.shape), of.shape)

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.seen = template, []
            for name in dict.fromkeys(hidden):
                template.get_submodule(name).register_forward_hook(lambda *call: self.seen.append(call[-1]))

        def forward(self, x):
            self.seen.clear()
            return self.inner(x), list(self.seen)

    return Watched()


def compare_modules(rounds: int = 3, count: int = 20, seconds: float = 3) -> dict[str, float]:
    """The module trainer's ratio to the usual loop."""
    ratios = {}
    for width in (100, 500):
        of = ensemble(width, DEPTH, count, "layernorm", gain=0.3)
        by_hand = usual_loop(watched(of))
        trained = partial(recorded, of, trainer=kept(loop.trainer_class(of)))
        runs = {(OURS, count): trained, ("torch, usual", 1): by_hand}
        rates = alternating(runs, rounds, seconds)
        fast, slow = runs
        ratios[f"LayerNorm {width}"] = ratio(rates, fast, slow)
        print(
            f"modules: {count} LayerNorm networks {DEPTH} x {width}, all recorded: repdyn {median(rates[fast]):.0f}, "
            f"usual loop {median(rates[slow]):.0f} network-steps/s, {ratios[f'LayerNorm {width}']:.2f} times",
            flush=True,
        )
    return ratios


FIGURE = {"width": (50, 100, 200, 500), "depth": (5, 20, 40), "networks": (1, 4, 20)}
FAMILIES = {  # of the figure: what belongs to each, how it is drawn
    "repdyn": ((OURS,), style.BLUE, "o"),
    "JAX, the best way": (("JAX, step", "JAX, scan", "JAX, scan, vmap"), style.ORANGE, "s"),
    "torch, the best way": (("torch, lean", "torch.compile", "torch.func"), style.GREEN, "^"),
    "torch, the usual loop": (("torch, usual",), style.FAINT, "v"),
}


def measured_over_shapes(rounds: int = 3, seconds: float = 0.5) -> pd.DataFrame:
    """Rates of everything at every shape; what trains one network at a time has rows for one network alone."""
    rows = []
    for width, depth in product(FIGURE["width"], FIGURE["depth"]):
        cases = [(OURS, count) for count in FIGURE["networks"]]
        for name in peers():
            cases += [(name, count) for count in (FIGURE["networks"] if name in ENSEMBLES else (1,))]
        rates = alternating(made(cases, width, depth), rounds, seconds)
        for (name, count), values in rates.items():
            rows.append((width, depth, count, name, median(values), min(values), max(values)))
        print(f"{depth} x {width}: repdyn {median(rates[OURS, 1]):.0f} steps/s", flush=True)
    columns = ["width", "depth", "networks", "trainer", "network_steps_per_s", "lowest", "highest"]
    return pd.DataFrame(rows, columns=columns)


def draw(table: pd.DataFrame):
    """Small multiples: a row a depth, a column a number of networks."""
    widths, depths, counts = FIGURE.values()
    figure, header = pages.page(
        "Training on one core, everything recorded at every step",
        "Leaky ReLU, SGD, two points. Numbers: repdyn against the best of all others. Each of these trains the "
        "networks at once, in groups or one by one, whichever is fastest for it; medians of alternating rounds.",
        8.1,
        [style.mark(marker, name, colour) for name, (_, colour, marker) in FAMILIES.items()],
        10,
    )
    top = 1 - (header + 0.35) / figure.get_size_inches()[1]
    axes = figure.subplots(len(depths), len(counts), sharex=True, sharey=True)
    figure.subplots_adjust(left=0.08, right=0.985, top=top, bottom=0.06, hspace=0.24, wspace=0.07)
    for (row, depth), (column, count) in product(enumerate(depths), enumerate(counts)):
        ax = axes[row, column]
        # any number of them at once, group after group, has the rate of a group
        here = table[(table.depth == depth) & (table.networks <= count)]
        lines = {}
        for family, (names, colour, marker) in FAMILIES.items():
            own = here[here.trainer.isin(names) & ((here.networks == count) | (family != OURS))]
            lines[family] = own.groupby("width").network_steps_per_s.max().reindex(widths)
            look = dict(color=colour, marker=marker, markersize=5, linewidth=2 if family == OURS else 1.2)
            ax.plot(widths, lines[family], label=family, zorder=4 if family == OURS else 3, **look)
        peer = pd.concat([rates for family, rates in lines.items() if family != OURS], axis=1).max(axis=1)
        for width in widths:
            ax.annotate(
                f"{lines[OURS][width] / peer[width]:.1f} x",
                (width, max(lines[OURS][width], peer[width])),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=style.BLUE,
            )
        ax.set(xscale="log", yscale="log", title=f"{depth} layers, {count} network{'s' if count > 1 else ''}")
        ax.set_xticks(widths, [str(width) for width in widths])
        ax.minorticks_off()
        ax.grid(axis="y", color="#e5e5e5", linewidth=0.6)
        ax.margins(x=0.12)
        if row == len(depths) - 1:
            ax.set_xlabel("width (units a layer)")
        if not column:
            ax.set_ylabel("steps/s of one network")
    top = table.network_steps_per_s.max()
    axes[0, 0].set_ylim(table.network_steps_per_s.min() / 1.6, top * 2.5)
    return figure


def write_figure(folder: Path = ROOT / "docs") -> None:
    """Measure, draw and write benchmark.svg, .png and .csv."""
    on_one_core()
    print(where())
    if not has_jax():
        sys.exit("the figure needs JAX: make bench installs it")
    table = measured_over_shapes().assign(measured_with=where(), date=date.today().isoformat())
    with style.applied():
        style.save(draw(table), table, *(folder / f"benchmark.{kind}" for kind in ("svg", "png", "csv")))


def where() -> str:
    """What is compared here, with which versions, on which machine."""
    found = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in found.read_text().splitlines() if line.startswith("model name")]
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numba", *(["jax"] if has_jax() else [])))
    return f"{names[0] if names else 'CPU'}, one core and one thread for each; {versions}"


def main() -> dict[str, float]:
    """Print all comparisons; returns the ratios."""
    on_one_core()
    started = time.perf_counter()
    print(where())
    if not has_jax():
        print("JAX IS NOT INSTALLED: its rows are missing below (make bench installs it)")
    ratios = compare_steps() | compare_flow() | compare_jobs() | compare_modules()
    print(f"all of this took {(time.perf_counter() - started) / 60:.1f} minutes")
    return ratios


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--figure", action="store_true", help="write docs/benchmark.svg, .png and .csv instead")
    arguments.add_argument("--job", type=int, help=argparse.SUPPRESS)  # for compare_jobs: the core
    chosen = arguments.parse_args()
    if chosen.job is not None:
        job(chosen.job)
    elif chosen.figure:
        write_figure()
    else:
        main()
