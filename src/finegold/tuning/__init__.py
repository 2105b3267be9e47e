"""Tuning projected-prefix models and Hugging Face vision-language models on a subset."""

from finegold.tuning.export import write_export
from finegold.tuning.recipe import Recipe, default_recipe, load_recipe, recipe_names
from finegold.tuning.tune import TuneResult, tune

__all__ = [
    "Recipe",
    "TuneResult",
    "default_recipe",
    "load_recipe",
    "recipe_names",
    "tune",
    "write_export",
]
