"""What is predicted: for each kind of answer one class, from the label that is read to the map that is written."""
