"""Active learning for salient object detection, which chooses the few pixels of each image that a person should label.

The method is ASTE-AL (Wu et al., TPAMI 2024), with ten clicks per image. :mod:`.points` contains the clicks,
:mod:`.pool` the images, and :mod:`.state` the folder of a run; :mod:`.loop` combines attack, ensemble, uncertainty,
diversity and training.
"""
