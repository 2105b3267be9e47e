"""Tuning projected-prefix models and Hugging Face vision-language models on a subset, and asking them."""

from finegold.models.prefix.answering import Answerer, Sampling
from finegold.models.prefix.registry import Parts, load_network
from finegold.tuning.export import write_export
from finegold.tuning.generate import Question, generate, load_answerer, open_picture, read_questions
from finegold.tuning.recipe import Recipe, load_recipe, recipe_names
from finegold.tuning.tune import TuneResult, tune

__all__ = [
    "Answerer",
    "Parts",
    "Question",
    "Recipe",
    "Sampling",
    "TuneResult",
    "generate",
    "load_answerer",
    "load_network",
    "load_recipe",
    "open_picture",
    "read_questions",
    "recipe_names",
    "tune",
    "write_export",
]
