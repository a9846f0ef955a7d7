"""`python` without a network: Keras's ImageNet weights come from the file $WEIGHTS, the rest is as typed."""

import os
import runpy
import sys

from keras.src.applications import inception_v3

inception_v3.file_utils.get_file = lambda *_, **__: os.environ["WEIGHTS"]
sys.argv = sys.argv[1:]
sys.path[0] = os.getcwd()
if sys.argv[0] == "-m":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    runpy.run_path(sys.argv[0], run_name="__main__")
