"""A temporary file of long ago is rubbish. A copy that gets its source's time before its name looks like one."""

import os
import sys

os.chdir(sys.argv[1])
if sys.argv[2] == "copy":
    with open("source") as source, open("copy.tmp", "w") as copy:
        copy.write(source.read())
    os.utime("copy.tmp", (1, 1))
    os.rename("copy.tmp", "copy")
else:
    for name in os.listdir("."):
        try:
            if name.endswith(".tmp") and os.stat(name).st_mtime < 1000:
                os.unlink(name)
        except FileNotFoundError:  # it has its name by now
            pass
