"""Our part of the service's download queue: how many links stand there, and for how long."""
