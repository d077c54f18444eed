"""Long lines: asyncdl and others behind a simulated line, beside what the line allows at best."""
