"""Where sessions are kept: the protocol of a store, and the embedded store."""
