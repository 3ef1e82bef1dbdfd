"""From images to maps: the detector, and the steps between it and a network."""
