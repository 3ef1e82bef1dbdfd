"""Cut-outs: the shared object on a new background, or on none."""
