"""Choose the device of a single process; Ray chooses the devices of training workers."""

import torch


def inference_device() -> torch.device:
    """Return the first GPU if there is one, else the CPU, for networks that are not trained here.

    Convolutions on a GPU add in the same order each time from then on, in the whole process, so
    that the same model gives the same images and scores.
    """
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
