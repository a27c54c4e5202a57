"""How often splitting pays: joint plans over boards, servers, links and service levels, planned and not run."""
