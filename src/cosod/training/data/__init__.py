"""Data of a training run: training sets, the sampling of groups, augmentation, and loading in worker processes."""
