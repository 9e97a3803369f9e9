"""What the training beside it needs."""


def size():
    return 7
