"""STAC items of the files on disk: the facts in a scene's files, in a form that other tools read.

Pure except for ``raster_head.py``, which reads the head of a raster. No package is needed: an
item is JSON in a documented form.

Source: STAC 1.1.0; its extensions eo 1.1.0, file 2.1.0, projection 2.0.0,
scientific 1.0.0, version 1.2.0 and view 1.0.0.
"""
