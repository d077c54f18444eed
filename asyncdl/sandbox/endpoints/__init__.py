"""The endpoints of the M2M API, one module per subject."""
