"""Tuning projected-prefix models and Hugging Face vision-language models on a subset."""

from finegold.tuning.export import write_export
from finegold.tuning.recipe import default_recipe, load_recipe
from finegold.tuning.tune import tune

__all__ = ["default_recipe", "load_recipe", "tune", "write_export"]
