"""A temporary file of long ago is rubbish. A copy gets its source's time when it has its name."""

import os
import sys

os.chdir(sys.argv[1])
if sys.argv[2] == "copy":
    with open("source") as source, open("copy.tmp", "w") as copy:
        copy.write(source.read())
    os.rename("copy.tmp", "copy")
    os.utime("copy", (1, 1))
else:
    for name in os.listdir("."):
        try:
            if name.endswith(".tmp") and os.stat(name).st_mtime < 1000:
                os.unlink(name)
        except FileNotFoundError:  # it has its name by now
            pass
