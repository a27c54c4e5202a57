"""How the edge comes to offload, and goes on: joining a server, planning with it, planning again, leaving."""
