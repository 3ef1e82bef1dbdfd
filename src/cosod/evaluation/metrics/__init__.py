"""The measures of the field: functions of two arrays, histograms, curves over thresholds, and sums over images."""
