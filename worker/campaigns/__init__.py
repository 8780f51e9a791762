"""What follows for a sweep, a study or a transfer when its jobs have ended: one file a kind, each a pure function."""
