"""The pictures of `tests/encoders`."""

from tests.encoders.conftest import photos

__all__ = ["photos"]
