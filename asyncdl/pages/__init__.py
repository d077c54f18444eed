"""HTML pages that hold all they need: nothing is fetched when they are opened."""
