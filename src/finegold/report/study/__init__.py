"""The page that shows what a study found."""
