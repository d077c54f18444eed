"""Who asks: where a user name and a token may be, in which order, and what a login stores."""
