"""What is made of a map: masks, overlays, sheets, and smooth edges."""
