"""What the shop promises, as sentences that can be run."""
