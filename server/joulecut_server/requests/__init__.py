"""One request's way through a server: received, admitted, computed once, answered."""
