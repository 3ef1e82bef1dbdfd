"""Postprocessing of maps: masks, overlays, contact sheets, and smooth edges."""
