"""Chat models on this machine and at servers: what there is, what fits, trying one, choosing."""
