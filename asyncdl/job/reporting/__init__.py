"""How a run is told: counted, recorded, logged, and handed to those who watch it."""
