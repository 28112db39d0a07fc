"""One process a core, with gradients averaged: on a shared machine, threads that meet at every operation wait too often."""
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def launch(work, workers, *args):
    """Runs work(rank, workers, *args) in each process."""
    rendezvous = f"file://{tempfile.mkdtemp()}/rendezvous"
    mp.spawn(_enter, (work, workers, rendezvous, args), nprocs=workers)


def _enter(rank, work, workers, rendezvous, args):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=workers)
    work(rank, workers, *args)
    dist.destroy_process_group()


@torch.no_grad()
def average_gradients(parameters, *values):
    """Averages gradients over all processes in place, and returns the sums of the values."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients] + [torch.tensor(values, dtype=torch.float32)])
    dist.all_reduce(flat)
    sums = flat[-len(values) :].tolist()
    flat /= dist.get_world_size()
    parts = flat.split([g.numel() for g in gradients] + [len(values)])
    torch._foreach_copy_(gradients, [part.view_as(g) for part, g in zip(parts, gradients)])
    return sums
