"""How fast MNIST is trained and observed, against the usual style, side by side on one CPU core.

    python benchmarks/mnist_epochs.py

The network of the MNIST stage (4 x 200, leaky ReLU, SGD, batch 64), an epoch on a subset of the images. Images are
random: only their number and shape count. Compared, in epochs an hour of one network on 60,000 + 10,000 images, are

    usual     a DataLoader (no workers, shuffled) whose data set makes a PIL image of each sample, then a tensor, then
              normalises it, step by step as torchvision's MNIST and its two transforms do (torchvision itself, which
              is not installed here, takes 5 to 10 % longer a sample); autograd and torch.optim.SGD; after the epoch
              loss and hidden layer of all training images, and accuracy on the test images, through DataLoaders too
    repdyn    what mnist/train.py does: three networks, as in the laptop study, trained by `loop.run` on mini-batches,
              and H, Y and w of six pairs in every hidden layer, the accuracy after each epoch and the distances of 100
              probes besides; the training loss is the mean over the epoch's batches. Two epochs, for what is recorded
              before the first one is a cost of the whole study, which has twenty; normalising the images, once a
              study, is not counted

Rounds alternate between the two, so that a slow moment of the machine hits them alike. Ratio: median over rounds.
"""

import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import threadpoolctl
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from mnist import train as mnist_train

from repdyn.data import mnist
from repdyn.networks import Shape
from repdyn.training import batches, recorders
from repdyn.training.ensemble import Ensemble, Member
from repdyn.training.loop import run

WIDTH, DEPTH, GAIN, LR, BATCH, NETWORKS, EPOCHS = 200, 4, 0.5, 0.03, 64, 3, 2
WHOLE = 60_000


class ToTensor:
    """torchvision.transforms.ToTensor, for pictures of one channel."""

    def __call__(self, picture):
        if not isinstance(picture, Image.Image):
            raise TypeError(f"expected a picture, found {type(picture)}")
        tensor = torch.from_numpy(np.array(picture, np.uint8, copy=True))
        tensor = tensor.view(picture.size[1], picture.size[0], len(picture.getbands()))
        tensor = tensor.permute((2, 0, 1)).contiguous()
        return tensor.to(dtype=torch.get_default_dtype()).div(255) if isinstance(tensor, torch.ByteTensor) else tensor


class Normalize(nn.Module):
    """torchvision.transforms.Normalize."""

    def __init__(self, mean, std):
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, tensor):
        if not tensor.is_floating_point() or tensor.ndim < 3:
            raise TypeError("expected a float tensor (channel, row, column)")
        tensor = tensor.clone()
        mean = torch.as_tensor(self.mean, dtype=tensor.dtype, device=tensor.device)
        std = torch.as_tensor(self.std, dtype=tensor.dtype, device=tensor.device)
        if (std == 0).any():
            raise ValueError("the standard deviation is 0")
        return tensor.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))


class Digits(Dataset):
    """One image at a time, from bytes to a normalised tensor: torchvision.datasets.MNIST with its two transforms."""

    def __init__(self, images, labels):
        self.images = torch.from_numpy(images).reshape(-1, mnist.SIDE, mnist.SIDE)
        self.labels = torch.from_numpy(labels)
        self.transforms = [ToTensor(), Normalize((mnist.MEAN,), (mnist.STD,))]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, label = self.images[index], int(self.labels[index])
        sample = Image.fromarray(image.numpy())
        for transform in self.transforms:
            sample = transform(sample)
        return sample, label


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
    """EPOCHS epochs of each of the study's networks, with everything recorded that the study records."""
    (x, y), shape = train, Shape(WIDTH, DEPTH, "leaky_relu", mnist.SIDE**2, mnist.CLASSES)
    pairs = mnist.draw_pairs(y.argmax(1), 4, 2, seed=0)
    followed = tuple(map(tuple, np.arange(pairs.size).reshape(-1, 2)))
    source = batches.Epochs(x, y, BATCH)
    of_epochs = source.steps * np.arange(1, EPOCHS + 1)
    record = [
        recorders.Pairs(mnist_train.schedule(source.steps, EPOCHS), followed, x[pairs.flatten()]),
        recorders.Look(lambda view: mnist_train.accuracy(view, *test), of_epochs, "epoch"),
        recorders.Look(lambda view: mnist_train.probed(view, test[0][None, :100]), of_epochs[[-1]] * [0, 1], "when"),
    ]
    members = tuple(Member(seed, GAIN, LR) for seed in range(NETWORKS))
    return run(Ensemble("mlp", shape, members), source, EPOCHS * source.steps, record)


def main(rounds: int = 5, images: int = 30_000) -> float:
    """Print the comparison; returns the median of the ratios of epochs an hour of one network."""
    torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)
    draw = np.random.default_rng(0)

    def random_set(count):
        return draw.integers(0, 256, (count, mnist.SIDE**2), dtype=np.uint8), np.arange(count) % mnist.CLASSES

    loops = {}
    for count in (640, images):  # the first to warm up
        raw = [random_set(count), random_set(count // 6)]
        made = [(mnist.normalised(pictures), mnist.one_hot(labels)) for pictures, labels in raw]
        loops[count] = {"usual": (1, partial(usual, *raw)), "repdyn": (NETWORKS * EPOCHS, partial(engine, *made))}
    rates = {"usual": [], "repdyn": []}
    for _, loop in loops[640].values():
        loop()
    for _ in range(rounds):
        for name, (trained, loop) in loops[images].items():
            started = time.perf_counter()
            loop()
            rates[name].append(3600 * trained * images / WHOLE / (time.perf_counter() - started))
    print(
        f"MNIST: {DEPTH} x {WIDTH}, batch {BATCH}, {images} images, all recorded each epoch, 1 thread, {rounds} rounds"
    )
    for name, values in rates.items():
        print(f"  {name:8s} {median(values):7.0f} epochs an hour   (from {min(values):.0f} to {max(values):.0f})")
    ratio = median(fast / slow for fast, slow in zip(rates["repdyn"], rates["usual"], strict=True))
    print(f"  repdyn / usual: {ratio:.1f}")
    return ratio


if __name__ == "__main__":
    main()
