"""Detection: the detector, and the steps from images to maps."""
