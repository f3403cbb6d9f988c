"""No sockets: a filter of system calls (seccomp(2)), for processes that must go on opening files.

Where files need not be opened either, a ceiling of descriptors does it on any system.
"""

import ctypes
import os
import platform
import struct
import sys

# Of each machine its number (AUDIT_ARCH in linux/audit.h) and that of socket(2); 425 is io_uring_setup(2) on all.
_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198), "riscv64": (0xC00000F3, 198)}
_IO_URING = 425
_OTHER_ABI = 0x40000000  # bit of the numbers of x32 calls
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # of a 32-bit word: linux/bpf_common.h
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM
_PR_SET_SECCOMP, _MODE_FILTER, _PR_SET_NO_NEW_PRIVS = 22, 2, 38


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def forbid_sockets() -> None:
    """Refuse this thread, and those that it starts, to open sockets but pairs; what is open stays open.

    Raises OSError where the system has no such filter.
    """
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        raise OSError(f"no filter of system calls is known for {sys.platform} on {platform.machine()}")
    code = _filter(*_CALLS[platform.machine()])
    libc = ctypes.CDLL(None, use_errno=True)
    program = ctypes.byref(_Program(len(code) // 8, code))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), f"system calls cannot be filtered ({os.strerror(ctypes.get_errno())})")


def _filter(machine: int, socket: int) -> bytes:
    """Return the filter as classic BPF: code, steps to jump if true and if false, and a value."""
    steps = [
        (_LOAD, 0, 0, 4),  # the machine of a call
        (_EQUAL, 0, 4, machine),
        (_LOAD, 0, 0, 0),  # its number
        (_AT_LEAST, 2, 0, _OTHER_ABI),
        (_EQUAL, 1, 0, socket),
        (_EQUAL, 0, 1, _IO_URING),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
