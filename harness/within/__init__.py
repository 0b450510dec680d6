"""What is put into the target's own process, so that a fault there finds what it is to get hold of."""
