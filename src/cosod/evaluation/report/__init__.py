"""The result of an evaluation, and how it is written: text formats, figures and an HTML page."""
