"""A job that was acknowledged is there as a whole."""


def check(folder, endings):
    task = folder / "jobs" / "7" / "task"
    if endings["create"].done and not task.exists():
        return "job 7 was created, and is not there"
    return None
