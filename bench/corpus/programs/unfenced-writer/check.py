"""The answer of the one who took over is not overwritten by the one who lost the session."""


def check(folder, endings):
    if not endings["takeover"].done:
        return None
    answer = (folder / "answer").read_text()
    return None if answer == "takeover" else f"the session was taken over, and its answer is that of {answer!r}"
