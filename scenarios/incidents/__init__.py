"""Production incidents, one a file: what happened, played again."""
