"""One process at a time: a lock of the operating system on an open file, so a killed process leaves none
behind.
"""

from __future__ import annotations

import errno
import fcntl

_TAKEN = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)
_WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def take(handle: int, *, wait: bool = False, shared: bool = False) -> bool:
    """Lock the open file ``handle`` until it is closed; ``False`` when another process has it.

    With ``wait`` the call returns when the lock is free. A ``shared`` lock may be held by many at once, and
    by none while somebody holds the file alone. On file systems without locks (some network mounts
    answer ENOLCK or EOPNOTSUPP) the answer is ``True``: refusing to run there would help nobody.
    """
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        if error.errno not in _WITHOUT_LOCKS:
            raise
    return True
