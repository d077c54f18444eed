"""The stages of the pipeline, from wanted files to verified ones."""
