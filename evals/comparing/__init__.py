"""What two runs of a suite differ in, and why."""
