"""The web page and HTTP API of ``cosod serve``, and the label page of ``cosod active label``.

``uploads`` reads uploaded photos, and ``marks`` reads what users paint on them. ``store`` keeps the photos, ``jobs``
processes them one job after the other, and ``views`` renders the results; ``app`` defines the routes. ``labeling`` is
the application of the label page. In both applications, ``guard`` checks every request, and ``running`` starts the
server.
"""
