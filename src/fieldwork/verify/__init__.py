"""Run everything again in a clone, and say which results are not the recorded ones, and by what they differ."""
