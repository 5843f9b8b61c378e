"""How fast MNIST is trained and observed, against the usual style, side by side on one CPU core.

    python benchmarks/mnist.py

The network of the MNIST stage (4 x 200, leaky ReLU, SGD, batch 64), an epoch on a subset of the images. Images are
random: only their number and shape count. Compared, in epochs an hour of one network on 60,000 + 10,000 images, are

    usual     a DataLoader (no workers, shuffled) whose data set makes a PIL image of each sample, then a tensor, then
              normalises it, with the operations of torchvision's MNIST and its two transforms; autograd and
              torch.optim.SGD; after the epoch loss and hidden layer of all training images, and accuracy on the test
              images, through DataLoaders too
    engine    repdyn.minibatch.train with three networks stacked: the same, and H, Y and w of six pairs in every hidden
              layer and the distances of 100 probes besides; the training loss is the mean over the epoch's batches

Rounds alternate between the two, so that a slow moment of the machine hits them alike. Ratio: median over rounds.
"""

import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from repdyn import minibatch, mnist, networks
from repdyn.ensemble import Ensemble, Member

WIDTH, DEPTH, GAIN, LR, BATCH, NETWORKS = 200, 4, 0.5, 0.03, 64, 3
WHOLE = 60_000


class Digits(Dataset):
    """One image at a time, from bytes to a normalised tensor."""

    def __init__(self, images, labels):
        self.images, self.labels = torch.from_numpy(images).reshape(-1, mnist.SIDE, mnist.SIDE), labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        picture = Image.fromarray(self.images[index].numpy())
        tensor = torch.from_numpy(np.array(picture, np.uint8, copy=True)).view(mnist.SIDE, mnist.SIDE, 1)
        tensor = tensor.permute(2, 0, 1).contiguous().to(torch.float32).div(255).clone()
        mean, std = (torch.as_tensor([value], dtype=tensor.dtype) for value in (mnist.MEAN, mnist.STD))
        if (std == 0).any():
            raise ValueError("the standard deviation is 0")
        return tensor.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1)), int(self.labels[index])


class UsualNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [mnist.SIDE**2] + [WIDTH] * DEPTH + [mnist.CLASSES]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        for layer in self.layers:
            nn.init.xavier_normal_(layer.weight, GAIN)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        h = x.flatten(1)
        hidden = []
        for layer in self.layers[:-1]:
            h = nn.functional.leaky_relu(layer(h))
            hidden.append(h)
        return self.layers[-1](h), hidden


def usual(train, test) -> dict:
    """One epoch of one network, and a full evaluation."""
    network, criterion = UsualNetwork(), nn.MSELoss()
    optimiser = torch.optim.SGD(network.parameters(), lr=LR)
    for x, label in DataLoader(Digits(*train), BATCH, shuffle=True):
        optimiser.zero_grad()
        (0.5 * criterion(network(x)[0], nn.functional.one_hot(label, mnist.CLASSES).float())).backward()
        optimiser.step()
    loss, hidden, right = 0.0, [], 0
    with torch.no_grad():
        for x, label in DataLoader(Digits(*train), BATCH):
            output, layers = network(x)
            hidden.append(layers[2])
            loss += 0.5 * criterion(output, nn.functional.one_hot(label, mnist.CLASSES).float()).item() * len(x)
        for x, label in DataLoader(Digits(*test), BATCH):
            right += (network(x)[0].argmax(1) == label).sum().item()
    return {"loss": loss / len(train[0]), "hidden": torch.cat(hidden), "accuracy": right / len(test[0])}


def engine(train, test):
    """One epoch of three networks, all observables recorded."""
    sets = [(mnist.normalised(images), mnist.one_hot(labels)) for images, labels in (train, test)]
    layers = networks.layers("mlp", networks.Shape(WIDTH, DEPTH, "leaky_relu", mnist.SIDE**2, mnist.CLASSES))
    ensemble = Ensemble(layers, [Member(seed, GAIN, LR) for seed in range(NETWORKS)])
    pairs = mnist.draw_pairs(train[1], 4, 2, seed=0)
    return minibatch.train(ensemble, *sets, pairs, sets[1][0][:100], epochs=1, batch=BATCH, batch_seed=0)


def main(rounds: int = 5, images: int = 12_000) -> float:
    """Print the comparison; returns the median of the ratios of epochs an hour of one network."""
    torch.set_num_threads(1)
    draw = np.random.default_rng(0)

    def random_set(count):
        return draw.integers(0, 256, (count, mnist.SIDE**2), dtype=np.uint8), np.arange(count) % mnist.CLASSES

    train, test = random_set(images), random_set(images // 6)
    few = random_set(640)
    rates = {"usual": [], "engine": []}
    loops = {"usual": (usual, 1), "engine": (engine, NETWORKS)}
    for loop, _ in loops.values():  # warm up
        loop(few, few)
    for _ in range(rounds):
        for name, (loop, together) in loops.items():
            started = time.perf_counter()
            loop(train, test)
            rates[name].append(3600 * together * images / WHOLE / (time.perf_counter() - started))
    print(
        f"MNIST: {DEPTH} x {WIDTH}, batch {BATCH}, {images} images, all recorded each epoch, 1 thread, {rounds} rounds"
    )
    for name, values in rates.items():
        print(f"  {name:8s} {median(values):7.0f} epochs an hour   (from {min(values):.0f} to {max(values):.0f})")
    ratio = median(fast / slow for fast, slow in zip(rates["engine"], rates["usual"], strict=True))
    print(f"  engine / usual: {ratio:.1f}")
    return ratio


if __name__ == "__main__":
    main()
