"""State machines: Hypothesis thinks up the steps, and a small model says what they must do."""
