"""Scripts as data and as files: precedence, exhaustion, near misses, and complaints that name the key."""

import json

import pytest

from fakes.position import Position
from fakes.script import Match, Request, Reset, Rule, Script, ScriptError, Status, Text, ToolCall, Truncate


def asked(**changes) -> Request:
    base = {"provider": "anthropic", "model": "m", "marker": "a", "turn_step": 0, "text": "[[a]] hello"}
    return Request(**{**base, **changes})


def test_the_first_rule_that_matches_answers():
    script = Script((Rule("one", Match(marker="a"), (Text("1"),)), Rule("two", Match(), (Text("2"),))))
    position = Position(script)
    assert position.choose(asked()).rule == "one"
    assert position.choose(asked(marker="b")).rule == "two"


def test_replies_come_in_order_and_the_last_repeats():
    position = Position(Script((Rule("r", Match(), (Status(529), Text("ok"))),)))
    kinds = [type(position.choose(asked()).reply) for _ in range(3)]
    assert kinds == [Status, Text, Text]


def test_an_exhausted_rule_gives_way_to_the_next():
    once = Rule("once", Match(), (Status(529),), repeat_last=False)
    position = Position(Script((once, Rule("then", Match(), (Text("ok"),)))))
    assert [position.choose(asked()).rule for _ in range(3)] == ["once", "then", "then"]


def test_near_misses_name_the_closest_rules_and_their_fields():
    rules = (
        Rule("far", Match(provider="gemini", marker="z", turn_step=3), (Text("x"),)),
        Rule("near", Match(marker="a", turn_step=1), (Text("x"),)),
        Rule("used", Match(), (Text("x"),), repeat_last=False),
    )
    position = Position(Script(rules))
    position.choose(asked())
    found = position.near_misses(asked())
    assert len(found) == 3
    text = "; ".join(found)
    assert text.index("'near'") < text.index("'used'") < text.index("'far'")
    assert "turn_step=1 (got 0)" in text
    assert "used up" in text
    assert Position(Script()).near_misses(asked()) == ()


def test_every_field_of_a_match():
    match = Match(provider="anthropic", model="m", marker="a", turn_step=0, contains="hello")
    assert match.misses(asked()) == ()
    other = asked(provider="codex", model="x", marker="", turn_step=2, text="bye")
    assert match.misses(other) == ("provider", "model", "marker", "turn_step", "contains")


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Status(200), "code"),
        (lambda: Status(307), "headers"),
        (lambda: Status(529, headers=(("a", "b\r\nc: d"),)), "headers"),
        (lambda: Text("x", chunks=0), "chunks"),
        (lambda: Text("x", pace=-1), "pace"),
        (lambda: Text("x", pace=float("nan")), "pace"),
        (lambda: Text("x", gate=""), "gate"),
        (lambda: Text(None), "text"),
        (lambda: ToolCall(""), "name"),
        (lambda: ToolCall("x", []), "arguments"),
        (lambda: ToolCall("x", {"a": {1}}), "arguments"),
        (lambda: ToolCall("x", {"a": [float("nan")]}), "arguments"),
        (lambda: Truncate(), "after_frames"),
        (lambda: Truncate(after_frames=-1), "after_frames"),
        (lambda: Reset(after_frames=1, after_bytes=1), "after_bytes"),
        (lambda: Match(provider="openai"), "provider"),
        (lambda: Match(turn_step=-1), "turn_step"),
        (lambda: Rule("r", Match(), ()), "replies"),
        (lambda: Rule("", Match(), (Text("x"),)), "name"),
        (lambda: Script((Rule("r", Match(), (Text("x"),)),) * 2), "rules"),
        (lambda: Script(("r",)), "rules"),
        (lambda: Script((), strict=1), "strict"),
        (lambda: Script((), reading=5), "reading"),
    ],
)
def test_wrong_values_are_refused_by_key(make, key):
    with pytest.raises(ScriptError, match=f"^{key}: "):
        make()


TOML = """
strict = false

[[rules]]
name = "tool, then text"
match = { provider = "codex", marker = "lane0", turn_step = 0 }
replies = [
  { kind = "tool", name = "exec", arguments = { command = "make" } },
  { kind = "text", text = "done", chunks = 3, gate = "g" },
  { kind = "status", code = 429, headers = { retry-after = "1" } },
  { kind = "truncate", after_frames = 2, answer = { kind = "text", text = "partial" } },
  { kind = "stall" },
  { kind = "reset", after_bytes = 9 },
  { kind = "stream-error", error = "overloaded_error" },
]
repeat_last = false
"""


def test_a_toml_script_and_the_same_in_json(tmp_path):
    import tomllib

    (tmp_path / "s.toml").write_text(TOML)
    script = Script.load(tmp_path / "s.toml")
    rule = script.rules[0]
    assert (script.strict, rule.repeat_last, len(rule.replies)) == (False, False, 7)
    assert rule.replies[:2] == (ToolCall("exec", {"command": "make"}), Text("done", chunks=3, gate="g"))
    assert rule.replies[2].headers == (("retry-after", "1"),)
    assert rule.replies[3].answer == Text("partial")
    (tmp_path / "s.json").write_text(json.dumps(tomllib.loads(TOML)))
    assert Script.load(str(tmp_path / "s.json")) == script


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules = 3", "rules: must be a list"),
        ("", "rules: is missing"),
        ("rule = []", "rule: is not a key here; use rules, strict"),
        ("strict = 1\nrules = []", "strict: must be true or false"),
        ("rules = [ { } ]", "rules[0].name: is missing"),
        ('rules = [ { name = "r" } ]', "rules[0].replies: is missing"),
        (
            'rules = [ { name = "r", replies = [ {} ] } ]',
            "rules[0].replies[0].kind: must be one of text, tool",
        ),
        (
            'rules = [ { name = "r", replies = [ { kind = "text" } ] } ]',
            "rules[0].replies[0].text: is missing",
        ),
        (
            'rules = [ { name = "r", replies = [ { kind = "text", text = "x", chunk = 3 } ] } ]',
            "rules[0].replies[0].chunk: is not a key here; use text, chunks, pace, first, gate",
        ),
        (
            'rules = [ { name = "r", replies = [ { kind = "text", text = "x", chunks = 1.5 } ] } ]',
            "rules[0].replies[0].chunks: must be",
        ),
        (
            'rules = [ { name = "r", replies = [ { kind = "status", code = 429, headers = [["a"]] } ] } ]',
            "rules[0].replies[0].headers: must be",
        ),
        (
            'rules = [ { name = "r", replies = [ { kind = "status", code = 429, headers = { retry-after = 3 } } ] } ]',
            "rules[0].replies[0].headers: must be pairs of a name and a value, both of them strings",
        ),
        (
            'rules = [ { name = "r", replies = [ { kind = "tool", name = "x", arguments = { on = 2024-01-01 } } ] } ]',
            "rules[0].replies[0].arguments: must be an object of argument names and values, all of JSON: write a date",
        ),
        (
            'rules = [ { name = "r", replies = [ { kind = "tool", name = "x", arguments = { n = nan } } ] } ]',
            "rules[0].replies[0].arguments: must be",
        ),
        (
            'rules = [ { name = "r", match = { step = 1 }, replies = [] } ]',
            "rules[0].match.step: is not a key",
        ),
        ('rules = [ { name = "r", match = 1, replies = [] } ]', "rules[0].match: must be a table"),
        (
            'rules = [ { name = "r", replies = [ { kind = "stall", answer = { kind = "stall" } } ] } ]',
            ".answer: must",
        ),
        ("rules = [", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_file_and_key(tmp_path, text, said):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ScriptError) as caught:
        Script.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xff")
    for name in ("missing.toml", "script.yaml", "deep.json", "bytes.json"):
        with pytest.raises(ScriptError, match=name):
            Script.load(tmp_path / name)


def test_a_key_that_json_repeats_is_not_dropped_without_a_word(tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"rules": [], "strict": true, "rules": []}')
    with pytest.raises(ScriptError, match="is not valid JSON: the key 'rules' is given twice"):
        Script.load(path)


@pytest.mark.parametrize(("name", "text"), [("s.toml", TOML), ("s.json", '{"rules": []}')])
def test_the_mark_that_some_editors_put_first_is_not_content(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert Script.load(tmp_path / name).reading is None
