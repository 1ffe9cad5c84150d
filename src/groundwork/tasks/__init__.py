"""What is learnt: criterion, decision, metrics and the one training loop."""
