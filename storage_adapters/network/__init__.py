"""The network: which addresses may be reached, TLS, waiting for a server, and what answers at a wrong address."""
