from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finegold.errors import ModelError
from finegold.instructiongpt4 import read_selector

torch = pytest.importorskip("torch")


def published_network(selector: Any) -> Any:
    """The published forward pass, with torch's own attention: (rows, copies, 16), sequence first."""

    def parameters(module: Any, prefix: Any) -> Any:
        module.load_state_dict(
            {name: torch.tensor(selector.weights[prefix + name]) for name in module.state_dict()}
        )
        return module.double().eval()

    def forward(x: Any) -> Any:
        with torch.no_grad():
            for layer in range(2):
                attention = parameters(
                    torch.nn.MultiheadAttention(16, 4).double(), f"multihead_attns.{layer}."
                )
                linear = parameters(torch.nn.Linear(16, 16).double(), f"linears.{layer}.")
                x = linear(x + attention(x, x, x)[0])
            return parameters(torch.nn.Linear(16, 1).double(), "linear.")(x)[..., 0].mean(dim=1).numpy()

    return forward


def test_scores_equal_torch_with_114_copies_of_each_row(replay: Any) -> None:
    features = replay.published.features[::40]
    copies = torch.tensor(features)[:, None].repeat(1, 114, 1)

    expected = published_network(replay.published.selector)(copies)

    np.testing.assert_allclose(replay.published.selector.score(features), expected, rtol=1e-9)


def test_a_score_depends_on_the_rest_of_the_pool(replay: Any) -> None:
    part = replay.published.selector.score(replay.published.features[:10])

    assert np.abs(part - replay.scores[:10]).max() > 0.1


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    torch.save({"linear.weight": torch.zeros(1, 16), "linear.bias": torch.zeros(2)}, tmp_path / "other.pth")

    with pytest.raises(ModelError, match=r"'linear\.bias' where the published selector has shape"):
        read_selector(tmp_path / "other.pth")


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (print, ("ran",))

    torch.save({"linear.weight": Evil()}, tmp_path / "evil.pth")

    with pytest.raises(ModelError, match=r"evil.pth cannot be read as a table of tensors"):
        read_selector(tmp_path / "evil.pth")
