"""Feature networks with an identity. One file per network."""
