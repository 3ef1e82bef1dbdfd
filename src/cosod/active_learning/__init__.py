"""Active learning for salient object detection: choosing the ten pixels of an image that a person should label.

ASTE-AL (Wu et al., TPAMI 2024): clicks are kept in :mod:`.points`, the images in :mod:`.pool`, a run's folder in
:mod:`.state`; :mod:`.loop` puts attack, ensemble, uncertainty, diversity and training together.
"""
