"""No job is done twice."""


def check(folder, endings):
    path = folder / "done"
    jobs = path.read_text().split() if path.exists() else []
    twice = sorted(job for job in set(jobs) if jobs.count(job) > 1)
    return f"{twice[0]} was done {jobs.count(twice[0])} times" if twice else None
