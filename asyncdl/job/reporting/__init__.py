"""Reporting on a run: summary, history, log and event stream."""
