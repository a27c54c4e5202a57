"""What a server-agent does now, as a page and as JSON: read-only, an extra of that name, only where it is asked for."""
