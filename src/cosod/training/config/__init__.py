"""Configuration of a training run: the recipes in ``recipes/`` (TOML files), and the dataclasses of their sections."""
