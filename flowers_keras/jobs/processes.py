"""A job in several processes, with `runtime.distributed`: who does what.

every process   the job, in step with the others: of the pass over the photos, of each batch of the phases
                and of what is predicted it computes its share
process 0       in the workdir; what it writes is the job's
the others      in a copy of the workdir, a folder that is thrown away

So all processes start from the same files, decide alike and reach the same barriers (`distributed`).
"""

import pathlib
import shutil
import tempfile

from flowers_keras import distributed, files, user_paths
from flowers_keras.config import check_config
from flowers_keras.training import run_folder, tracking

# Stored values may lie in the workdir, and all processes read them there.
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
    """(config, workdir) with which a process does what process 0 does, and changes nothing of the run's.

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
