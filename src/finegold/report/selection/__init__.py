"""The page that shows a selection."""
