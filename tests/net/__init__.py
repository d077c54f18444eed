"""The wall to the network, by real servers that misbehave."""
