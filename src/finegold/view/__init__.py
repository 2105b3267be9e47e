"""The local web application: look through a run's rows, veto and keep, choose again, compare selections."""

from finegold.view.server import ViewServer, open_view

__all__ = ["ViewServer", "open_view"]
