"""Runs a job in several processes, with `runtime.distributed`.

every process   runs the job in step with the others, and computes its share of the pass over the photos, of
                each training batch and of the predictions
process 0       works in the workdir: what it writes is the result
the others      work in a copy of the workdir, a temporary folder

So all processes start from the same files, decide alike and reach the same barriers (`distributed`).
"""

import pathlib
import shutil
import tempfile

from flowers_keras import distributed, files, user_paths
from flowers_keras.config import check_config
from flowers_keras.training import run_folder, tracking

# Features may be stored in the workdir, and all processes read them there.
NOT_COPIED = (f"*{files.TEMPORARY}*", "*.npy", "tensorboard", run_folder.LOCK)


def run_in_all(job, config, workdir, *arguments):
    """`job(config, workdir, *arguments)`, in all processes of a run at once.

    Args:
      job: `recipe.train_and_evaluate`, or another that resumes what it finds in the workdir.
      config, workdir, arguments: the same in all processes, in a file system that they share.

    Returns:
      What the job returns.

    Raises:
      UserError: anything that the user can fix, in one line.
    """
    if not config.runtime.distributed:
        return job(config, workdir, *arguments)
    check_config(config)  # before this process waits for others
    tracking.require_tracker(config)
    with distributed.connect() as (number, _), tempfile.TemporaryDirectory() as folder:
        if number:
            config, workdir = follow(config, user_paths.user_path(workdir), pathlib.Path(folder) / "run")
        distributed.barrier("copied")  # before process 0 changes anything
        return job(config, workdir, *arguments)


def follow(config, workdir, copy):
    """The (config, workdir) of a process other than 0: the same job, without changing the run's files.

    Args:
      config: as for `run_in_all`.
      workdir: pathlib.Path of the run, which need not exist.
      copy: pathlib.Path of the folder that becomes a copy of it.
    """
    config = config.copy_and_resolve_references()
    config.features.cache_dir = str(user_paths.cache_folder(config, workdir))
    config.run.tracker = "none"
    if workdir.is_dir():
        shutil.copytree(workdir, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    return config, copy
