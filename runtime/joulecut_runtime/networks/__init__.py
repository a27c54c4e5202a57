"""Networks as data: graphs, their bundles, what is checked before one runs, where one may be cut, and its parts."""
