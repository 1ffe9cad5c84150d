"""What is said in several places of a training."""

#: For a run that would choose its weights by scores that nothing measures.
NOTHING_TO_CHOOSE_BY = (
    "No weights would be kept: options in training.trainer leave out validation, by whose scores they are chosen. "
    "Remove those that do, or set 'training.monitor: null' to keep the last weights."
)
#: For Ctrl-C.
INTERRUPTED = "The training was interrupted. Run the same command again to go on after its last epoch."
