from tests.harness.conductor.test_scheduler import schedule, Rotating, python, CHANGES
import pytest
from harness.schedules.replay import *
import struct
CODE = '''
import ctypes, os, struct, fcntl
libc = ctypes.CDLL(None, use_errno=True)
f = os.open("lock", os.O_RDWR)
s = ctypes.create_string_buffer(struct.pack("hh4xqqi4x", 1, 0, 0, 0, 0))
r = {call}
print(r, ctypes.get_errno())
'''
CALLS = {"setlkw": "libc.fcntl(f, 7, s)", "ofd": "libc.fcntl(f, 38, s)", "flock": "libc.flock(f, 2)"}
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("who", ["a", "b"])
def test_eintr(conduct, call, who):
    async def body(rig):
        out = []
        for _ in range(5):
            (rig.folder / "lock").write_text("")
            strategy = Rotating()
            s = await schedule(rig, strategy, {n: python(CODE.replace("{call}", CALLS[call])) for n in "ab"}, families=CHANGES, decisions=f"{who}.1!EINTR")
            out.append(([str(p) for p in s.trace.points], [str(x) for x in s.struck], *(rig.running[n].said()+rig.running[n].said("stderr") for n in "ab")))
            rig.running.clear(); rig.directors.clear()
        return out
    out = conduct(body)
    print(out[0], len({str(o) for o in out}))
