"""Runs a Python module as an ordinary user: `as_user.py UID -m MODULE ARGUMENT…`, started by root.

The interpreter itself may lie where that user cannot look (root's home), so this process alone keeps the right to
read everything; whatever it executes has no rights at all.
"""

import ctypes
import os
import runpy
import struct
import sys
from pathlib import Path

PR_SET_KEEPCAPS = 8
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    uid = int(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    rights = 1 << CAP_DAC_READ_SEARCH
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    if libc.capset(header, struct.pack("=6I", rights, rights, 0, 0, 0, 0)):
        raise OSError(ctypes.get_errno(), "capset")
    assert sys.argv[2] == "-m"
    sys.argv = sys.argv[3:]
    sys.path[0] = str(Path.cwd())
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
