"""Pipelines constructed as their users do: from a saved folder, so that diffusers' own corrections of old configs count.

A case is a copy of a folder with some of its JSON files edited, as they are found in the wild. Nothing is set on a pipeline
afterwards.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch


def scheduler_files(scheduler, folder):
    """The edits that make (class, options) a folder's scheduler: its config, and its class in the index."""
    name, options = scheduler
    index = json.loads((Path(folder) / "model_index.json").read_text())
    return {
        "scheduler/scheduler_config.json": {"_class_name": name, **options},
        "model_index.json": {**index, "scheduler": ["diffusers", name]},
    }


def edited(folder, files, target):
    """Copies a folder; of each file in `files` the whole content is given, or None for a file that is to be missing."""
    shutil.copytree(folder, target)
    for name, content in files.items():
        path = Path(target) / name
        if content is None:
            path.unlink()
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return target


def load(kind, folder, scheduler=None, files=None, **options):
    """`kind.from_pretrained` of a folder, with the scheduler (class, options) and the files in the place of its own."""
    files = {**(scheduler_files(scheduler, folder) if scheduler else {}), **(files or {})}
    options = dict(safety_checker=None, torch_dtype=torch.float32, local_files_only=True, **options)
    with tempfile.TemporaryDirectory() as room:
        pipeline = kind.from_pretrained(edited(folder, files, Path(room) / "model"), **options)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
