"""What is done with feature maps, in whichever component."""
