"""A trained bundle as one file that needs nothing of this library: raw values in, probabilities or numbers out."""
