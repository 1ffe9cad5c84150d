"""What is predicted: for each kind of answer one class, used by training, evaluation and prediction."""
