"""The job's part of the service's download queue: its links, its quota, its earlier requests."""
