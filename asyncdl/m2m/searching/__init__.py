"""Which scenes: areas and conditions as filters, the pages of a search, and bare outlines."""
