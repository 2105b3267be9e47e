"""The tiny models of `tests/models`."""

from tests.models.conftest import model, pool

__all__ = ["model", "pool"]
