"""Training of networks: recipes, data loading, and the training loop (:func:`cosod.training.loop.train`)."""

from cosod.training.config.recipe import Recipe, load_recipe, recipe_names
from cosod.training.loop import train
from cosod.training.run import TrainingJob

__all__ = ["Recipe", "TrainingJob", "load_recipe", "recipe_names", "train"]
