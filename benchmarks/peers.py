"""The same training by repdyn and by all that one could take for it: `ours` and `PEERS`, to be timed by `rounds`.

20 layers, leaky ReLU, SGD, two points, and at every step the squared distance of the two points in all hidden layers,
the outputs and the loss are recorded:

    repdyn              the compiled trainer through `loop.run`, which is what the study runs
    torch, usual        autograd, torch.optim.SGD, and one evaluation pass a step from which everything is read
    torch, lean         the same with everything read from the training pass, and nothing brought to Python till the end
    torch.compile       forward pass, gradient and update as one compiled function
    torch.func          vmap over an ensemble of functional_call and grad
    JAX, step           jit of a step, parameters donated
    JAX, scan           jit of lax.scan over steps, parameters donated
    JAX, scan, vmap     the same over an ensemble

All of them start from the same networks.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")  # JAX comes later
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from repdyn import networks
from repdyn.networks import Shape
from repdyn.training import loop, recorders
from repdyn.training.batches import Points
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import Ensemble, Member, initial_parameters

X = np.array([[-1.0], [0.0]], np.float32)
Y = np.array([[0.6], [0.6 + 0.5**0.5]], np.float32)
DEPTH, LR = 20, 0.001  # a rate that no network diverges at: all do the same work to the end
OURS = "repdyn"
SCAN = 100  # steps of one call of a compiled loop

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


def has_jax() -> bool:
    try:
        import jax  # noqa: F401
    except ImportError:
        return False
    return True


def peers() -> list[str]:
    """Those that are installed."""
    return [name for name in PEERS if has_jax() or not name.startswith("JAX")]
