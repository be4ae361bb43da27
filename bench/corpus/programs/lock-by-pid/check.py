"""No number is given twice."""


def check(folder, endings):
    given = [ending.output.strip() for ending in endings.values() if ending.done]
    return f"release {given[0]} was numbered twice" if len(given) > len(set(given)) else None
