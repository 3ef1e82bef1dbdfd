"""The measures of the field: of two arrays, by their histograms, over thresholds, and summed over images."""
