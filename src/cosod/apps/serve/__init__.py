"""The web page and HTTP API of ``cosod serve``, and the label page of ``cosod active label``.

Uploads come in by ``uploads``, what is painted by ``marks``; they lie in ``store``, are worked on one job after the
other by ``jobs``, and go out by ``views``; ``app`` joins them to routes. ``labeling`` is the application of the label
page. ``guard`` stands in front of every request of both, ``running`` starts them.
"""
