from tests.harness.conductor.test_every_order import *
from tests.harness.conductor import test_every_order as t
del test_classes_are_those_of_all_orders
OLD = set(PAIRS)
EXTRA = {
 "b1": (
   "fcntl.flock(file, fcntl.LOCK_EX); read('data'); read('sign'); file.close()",
   "try: " + TRY.format('EX') + "\nexcept OSError:\n try: " + TRY.format('SH') + "\n except OSError: open('sign', 'x')",
   {"1","-"}),
 "b2": (
   "fcntl.flock(file, fcntl.LOCK_EX); record(fcntl.F_OFD_SETLK, fcntl.F_WRLCK); read('data'); read('sign'); file.close()",
   "try: record(fcntl.F_OFD_SETLK, fcntl.F_WRLCK)\nexcept OSError:\n try: record(fcntl.F_SETLK, fcntl.F_WRLCK)\n except OSError: open('sign', 'x')",
   {"1","-"}),
 "taken and let go without a point": (
   "fcntl.flock(file, fcntl.LOCK_EX); file.close(); read('data')",
   TRY.format('EX') + "; os.unlink('data')",
   {"1","-"}),
 "taken and let go by unlock": (
   "fcntl.flock(file, fcntl.LOCK_EX); fcntl.flock(file, fcntl.LOCK_UN); read('data')",
   TRY.format('EX') + "; os.unlink('data')",
   {"1","-"}),
 "record taken and let go by close": (
   "record(fcntl.F_SETLKW, fcntl.F_WRLCK); file.close(); read('data')",
   "record(fcntl.F_SETLK, fcntl.F_WRLCK); os.unlink('data')",
   {"1","-"}),
 "other tries twice, unlocking close": (
   "fcntl.flock(file, fcntl.LOCK_EX); file.close(); read('data')",
   "try: " + TRY.format('EX') + "\nexcept OSError: os.unlink('data')",
   {"1","-"}),
 "second try in another mode": (
   "fcntl.flock(file, fcntl.LOCK_EX); read('data'); file.close()",
   "try: " + TRY.format('SH') + "\nexcept OSError:\n  " + TRY.format('EX') + "\nos.unlink('data')",
   {"1","-"}),
 "second try in another mode, shared holder": (
   "fcntl.flock(file, fcntl.LOCK_SH); read('data'); file.close()",
   "try: " + TRY.format('EX') + "\nexcept OSError:\n  " + TRY.format('SH') + "\nos.unlink('data')",
   {"1","-"}),
 "ofd then flock": (
   "fcntl.flock(file, fcntl.LOCK_EX); record(fcntl.F_OFD_SETLK, fcntl.F_WRLCK); read('data'); file.close()",
   "try: record(fcntl.F_OFD_SETLK, fcntl.F_WRLCK)\nexcept OSError:\n  " + TRY.format('EX') + "\nos.unlink('data')",
   {"1","-"}),
 "lock file with links": (
   "os.link('lock', 'name'); other = open('name', 'r+'); fcntl.flock(other, fcntl.LOCK_EX); read('data'); other.close()",
   TRY.format('EX') + "; os.unlink('data')",
   {"1","-"}),
 "lock file with links 2": (
   "other = open('hard', 'r+'); fcntl.flock(other, fcntl.LOCK_EX); read('data'); other.close()",
   "fcntl.flock(file, fcntl.LOCK_EX); os.unlink('data')",
   {"1","-"}),
 "lock file with links 3": (
   "other = open('hard', 'r+'); fcntl.flock(other, fcntl.LOCK_EX); read('data'); os.unlink('hard'); other.close()",
   TRY.format('EX') + "; os.unlink('data')",
   {"1","-"}),
 "lock file with links 4": (
   "other = open('hard', 'r+'); fcntl.flock(other, fcntl.LOCK_EX); os.unlink('hard'); read('data')",
   TRY.format('EX') + "; os.unlink('data'); os.link('lock', 'more')",
   {"1","-"}),
 "links 5": (
   "data = open('hard', 'a'); data.write('2'); data.close(); os.unlink('hard'); read('lock')",
   "data = open('lock', 'r+'); data.truncate(0)",
   {"1","-"}),
 "links 6": (
   "data = open('hard', 'a'); data.write('2'); data.close(); os.unlink('hard'); read('lock')",
   "data = open('lock', 'w')",
   {"1","-"}),
 "links 7": (
   "read('lock')",
   "data = open('hard', 'a'); data.write('2'); data.close(); os.unlink('hard')",
   {"1","-"}),
 "links 8": (
   "read('lock')",
   "data = open('hard', 'a'); os.unlink('hard'); data.write('2'); data.close()",
   {"1","-"}),
 "links 9": (
   "read('lock')",
   "os.rename('hard', 'other'); data = open('other', 'a'); data.write('2'); data.close(); os.unlink('other')",
   {"1","-"}),
 "links 10": (
   "read('lock')",
   "data = open('hard', 'a'); data.write('2'); data.close(); os.rename('new', 'hard'); read('lock')",
   {"1","-"}),
}

@pytest.mark.parametrize("about", EXTRA)
def test_extra(conduct, tmp_path, about):
    *programs, readings = EXTRA[about]
    actors = {name: (str(tmp_path / f"{name}.py"),) for name in ("one", "other")}
    for (script,), program in zip(actors.values(), programs, strict=True):
        Path(script).write_text(BEGIN + program)

    async def run(rig, strategy):
        for path in rig.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (rig.folder / "folder").mkdir()
        for name, text in {"lock": "", "data": "1", "new": "3", "folder/file": ""}.items():
            (rig.folder / name).write_text(text)
        if any("hard" in p for p in programs):
            (rig.folder / "hard").hardlink_to(rig.folder / "lock")
        rig.running.clear()
        rig.directors.clear()
        scheduler = await schedule(rig, strategy, actors, families=ORDERED | {Family.WRITE}, script=True)
        return scheduler.trace, rig.running["one"].said().rpartition("\n")[2]

    async def body(rig):
        all_orders, numbers, said_all, n = {}, [], Counter(), 0
        while numbers is not None:
            order = Numbered(numbers)
            trace, said = await run(rig, order)
            said_all[said] += 1; n += 1
            all_orders.setdefault(class_of(trace.points), (trace, said))
            numbers = next_numbers(order)
        explorer, explored, read = Explorer(limit=200), Counter(), Counter()
        while (strategy := explorer.next()) is not None:
            trace, said = await run(rig, strategy)
            explorer.executed(trace)
            if strategy.redundant_from is None:
                explored[class_of(trace.points)] += 1
                read[said] += 1
        return all_orders, explored, read, said_all, n

    all_orders, explored, read, said_all, n = conduct(body)
    print(f"\n{about}: interleavings {n}; classes brute {len(all_orders)} explored {len(explored)} repeats {sum(v-1 for v in explored.values())}; read {dict(read)} brute {dict(said_all)}")
    for c in set(all_orders) - set(explored):
        tr, said = all_orders[c]
        print("MISSING", said); print("\n".join(f"   {s.chosen} {[t.object+('!' if t.writes else '') for t in s.chosen.touches]} of {[p.actor for p in s.enabled]}" for s in tr.steps))
    for c in set(explored) - set(all_orders):
        print("EXTRA CLASS")
    assert set(explored) == set(all_orders)
