"""Configuration of a training run: recipes, as TOML files in ``recipes/``, and the dataclasses of their sections."""
