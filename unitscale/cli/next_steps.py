"""What to do next when the service has refused something."""

import re

NEXT_STEP = {
    "unauthorized": "Set UNITSCALE_API_KEY or pass --key-file; `unitscale doctor` shows which key is used.",
    "forbidden": "Ask an admin for a key with that scope: `unitscale keys create`.",
    "not_found": "`unitscale ls` lists this project's jobs; `unitscale sweep ls` and the like the others.",
    "illegal_transition": "`unitscale show ID` tells where the job stands.",
    "not_ended": "`unitscale watch ID` waits for its end; `unitscale cancel ID` ends it.",
    "no_weights": "Only a job that succeeded has weights; `unitscale show ID` tells how it ended.",
    "no_such_format": "`unitscale artifacts ID` lists the files; leave --format out for fp32.",
    "dataset_in_use": "`unitscale ls` shows the jobs; `unitscale cancel ID` ends one.",
    "malformed": "`unitscale COMMAND --help` says what it takes.",
    "unsupported": "`unitscale catalog` shows what can be asked for.",
    "wrong_input": "`unitscale predict --help` shows how inputs are written.",
    "no_law": "`unitscale fit --help` shows which points and jobs a law needs.",
    "quota_exceeded": "Wait for a job to end, or cancel one: `unitscale ls --state queued`.",
    "store_away": "The service is up, its record is not: try again in some seconds.",
    "no_answer": "`unitscale workers` shows who is there; try again in some seconds.",
    "no_worker": "`unitscale workers` shows who is there; try again once one has said what it can do.",
    "busy": "Try again in a minute.",
}

MALFORMED = {
    "submit": "`unitscale submit --help` shows a spec; `unitscale submit --dry-run` tries one out.",
    "sweep": "`unitscale sweep run --help` shows a sweep.",
    "study": "`unitscale study run --help` shows a study.",
    "transfer": "`unitscale transfer run --help` shows a transfer.",
    "advise": "`unitscale advise --help` shows what it takes.",
}
"""What comes next, by the command that was refused."""

FOUND = {
    "job": "`unitscale ls` lists jobs. Ids of sweeps begin with sw_, of studies with st_, of transfers with tr_.",
    "sweep": "`unitscale sweep ls` lists sweeps.",
    "study": "`unitscale study ls` lists studies.",
    "transfer": "`unitscale transfer ls` lists transfers.",
    "data set": "`unitscale data ls` lists data sets.",
    "key": "`unitscale keys ls` lists keys.",
}
"""Where things are found, by what there is not."""
NOUNS = {
    "jobs": "job",
    "sweeps": "sweep",
    "studies": "study",
    "transfers": "transfer",
    "datasets": "data set",
    "keys": "key",
}
"""What lies at a path of the API."""


def missing(message: str) -> str:
    """What there is not, by its kind: an id of a wrong shape has a path of the API in its place."""
    there = re.search(r"/v1/([a-z]+)/([^/]+?)(?:/[a-z]+)?\.?$", message)
    return f"There is no {NOUNS[there[1]]} {there[2]}." if there and there[1] in NOUNS else message


def next_step(code: str, message: str, command: str | None) -> str | None:
    """What comes next after this error of a command, in words."""
    if code == "malformed" and command:
        return MALFORMED.get(command, f"`unitscale {command} --help` says what it takes.")
    if code == "not_found":
        return next((step for kind, step in FOUND.items() if f"no {kind} " in message), NEXT_STEP[code])
    return NEXT_STEP.get(code)
