"""The local web application: look through rows, veto and keep, choose again, compare, ask models."""

from finegold.view.conversations import AskedModels
from finegold.view.server import ViewServer, open_view

__all__ = ["AskedModels", "ViewServer", "open_view"]
