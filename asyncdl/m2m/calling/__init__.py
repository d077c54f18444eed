"""How a call is made: its turn, its way over the wire, what the reply means, and another try."""
