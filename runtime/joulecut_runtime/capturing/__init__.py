"""From a torch module to a graph: exported, lowered to whitelisted operators, folded; what to say where that fails."""
