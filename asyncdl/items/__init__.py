"""STAC items of the files on disk: what a scene's files tell, as other tools read it.

Pure but for ``georeference.py`` and ``samples.py``, which look at the head of a raster.
Nothing of it needs a package: an item is JSON of a form that is written down.

Source: STAC 1.1.0; its extensions eo 1.1.0, file 2.1.0, projection 2.0.0,
scientific 1.0.0, version 1.2.0 and view 1.0.0.
"""
