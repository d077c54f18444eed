"""Self-contained HTML pages: nothing is fetched when they are opened."""
