"""The network: which addresses may be reached, TLS, waiting for a server, and a probe for wrong protocols."""
