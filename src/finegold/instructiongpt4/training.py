"""Train the published selector again from its 30 subsets (selector/train.py), in torch, seeded.

Settings as published: mean squared error between the mean score of a subset's 114 rows and its measured
result, Adam with learning rate 0.01, 20 steps, all 30 subsets in each, seed 42, the last state kept.
Attention runs across the 30 subsets. Weights are drawn in float32 as published; the arithmetic is then
float64, since 20 such steps magnify float32 rounding until thread counts show in the weights' second digit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from finegold.arrays import Floats
from finegold.extras import require
from finegold.instructiongpt4.selector import HEADS, LAYERS, WIDTH, Selector


@dataclass(frozen=True, slots=True)
class Retrained:
    """A trained selector and the course of its training.

    Attributes:
        selector: The weights after the last step.
        losses: Shape (steps,): loss before each step.
        predictions: Shape (subsets,): mean score of each training subset, by the last state.
    """

    selector: Selector
    losses: Floats
    predictions: Floats


def train_selector(
    subsets: Floats, results: Floats, *, seed: int = 42, steps: int = 20, learning_rate: float = 0.01
) -> Retrained:
    """Fit the selector to measured subsets.

    Args:
        subsets: Shape (subsets, rows, 16).
        results: Shape (subsets,).
        seed: Seed of the initial weights, the only random thing here; torch's global state does not change.
        steps: Optimiser steps over all subsets at once.
        learning_rate: Learning rate of Adam; its other settings are torch's defaults.

    Raises:
        MissingExtraError: If torch is not installed.
    """
    torch = require("torch", extra="models", why="training the selector")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = torch.nn.ModuleDict(
            {
                "multihead_attns": torch.nn.ModuleList(
                    torch.nn.MultiheadAttention(WIDTH, HEADS) for _ in range(LAYERS)
                ),
                "linears": torch.nn.ModuleList(torch.nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)),
                "linear": torch.nn.Linear(WIDTH, 1),
            }
        ).double()
    inputs, targets = torch.tensor(subsets), torch.tensor(results)

    def predict() -> Any:
        x = inputs
        for attention, linear in zip(parts["multihead_attns"], parts["linears"], strict=True):
            x = linear(x + attention(x, x, x, need_weights=False)[0])
        return parts["linear"](x)[..., 0].mean(dim=1)

    optimizer = torch.optim.Adam(parts.parameters(), lr=learning_rate)
    losses = np.empty(steps)
    for step in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(predict(), targets)
        loss.backward()
        optimizer.step()
        losses[step] = loss.item()
    with torch.no_grad():
        predictions = predict().numpy()
    weights = {name: tensor.detach().numpy().copy() for name, tensor in parts.state_dict().items()}
    return Retrained(Selector(weights), losses, predictions)
