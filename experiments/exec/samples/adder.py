#!/usr/bin/env python3
"""Adds two numbers: an exec runner. One JSON line in says what is wanted, JSON lines out say what came of it."""
import json
import re
import sys


def say(**message):
    print(json.dumps(message), flush=True)


class CallFailed(Exception):
    pass


def ask(messages, hint=None):
    """A model call: assay makes it, records it, and answers with a line."""
    say(call={"messages": messages, "hint": hint})
    answer = json.loads(sys.stdin.readline())
    if "error" in answer:
        raise CallFailed(answer["error"])
    return answer["reply"]["text"]


def setup(run):
    a, b = run["data"]["A"], run["data"]["B"]
    return {"context": [{"role": "system", "content": "Add the two numbers provided"},
                        {"role": "user", "content": f"A: {a} B: {b}"}]}


def step(run):
    a, b = run["data"]["A"], run["data"]["B"]
    text = ask(run["context"], hint={"answer": str(a + b), "options": [str(a + b), str(a + b + 1)]})
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", ""))
    answer = float(numbers[-1]) if numbers else None
    return {"next": "done", "answer": int(answer) if answer is not None and answer.is_integer() else answer,
            "context": run["context"] + [{"role": "assistant", "content": text}]}


def evaluate(run):
    right = run["answer"] == run["data"]["A"] + run["data"]["B"]
    return {"score": "CORRECT" if right else "INCORRECT", "metrics": {"unparsed": run["answer"] is None}}


for line in iter(sys.stdin.readline, ""):
    request = json.loads(line)
    operation = {"setup": setup, "step": step, "evaluate": evaluate}.get(request["op"])
    try:
        if operation is None:
            say(unsupported=True)
        else:
            say(done=operation(request["run"]))
    except CallFailed as failed:
        say(fail=failed.args[0])
