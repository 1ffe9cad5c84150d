"""Say what of the data is right, what deserves a look, and what is wrong, before anything is trained."""
