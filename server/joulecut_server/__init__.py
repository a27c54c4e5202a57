"""The server-agent: runs the server's parts of networks for edges, plans for them and holds its GPU's clock."""
