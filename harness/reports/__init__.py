"""Reports: what a run says, for a terminal, for a CI server and for another program."""
