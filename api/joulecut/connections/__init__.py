"""Applications' connections to an edge-agent, and planning asked of a server-agent."""
