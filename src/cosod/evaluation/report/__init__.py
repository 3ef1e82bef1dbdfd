"""Reports of evaluations, and writing them as text, tables, figures and an HTML page."""
