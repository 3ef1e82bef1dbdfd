"""The web page and HTTP API of ``cosod serve``.

Uploads come in by ``uploads``, lie in ``store``, are worked on one job after the other by ``jobs``, and go out by
``views``; ``app`` joins them to routes, ``guard`` stands in front of every request.
"""
