"""Tests with a certain number of threads of PyTorch."""

import contextlib

import torch


@contextlib.contextmanager
def torch_threads(number):
    """PyTorch computes with this number of threads within, and afterwards with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
