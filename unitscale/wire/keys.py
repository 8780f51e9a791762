"""Every key this service writes to Redis. If it is not here, it does not exist.

    job:{id}                    hash    the record: spec, state, attempt (the fencing token), lease, progress, result
    job:{id}:events             stream  what happened, log lines included, for readers who follow
    job:{id}:curves             set     the names of its curves
    job:{id}:curve:{key}        string  packed <u4 step, f4 value>, 8 bytes a point
    job:{id}:marks              string  packed <u4 step, u4 attempt, f8 unix seconds>: when steps happened
    jobs                        string  counts submissions; a job's number is its place in the lists
    jobs:{project}              zset    the project's job ids by number
    unfinished:{project}        set     its jobs that have not ended
    reserved:{project}          hash    campaigns that are being launched -> jobs that they have still to submit
    queues                      set     every queue that ever held a job
    queue:{queue}               zset    queued job ids, best first: priority, then turns between projects, then age
    queue:{queue}:turns         hash    the turn last served, and the last turn of each project, by priority
    queue:{queue}:alike:{project}:{alike}:{step} zset those of them that may train together: their checkpoints agree
    findings:{hardware}         hash    what was measured of training together: key of the jobs -> finding
    leases                      zset    running job ids by the time their lease ends, ms
    claim:{ticket}              string  the group a claim took, for a claim repeated after a timeout; lives a lease
    idempotency:{project}:{key} string  {body, id} of a submission; lives 24 hours
    key:{digest}                hash    an API key: id, project, scopes; the secret is only hashed
    keys                        zset    digests of API keys by the time they were made
    worker:{id}                 string  a node as it last described itself; lives 15 s
    workers                     zset    node ids by the time they were last seen, ms
    dataset:{id}                hash    an uploaded data set: project, state, task, bytes, sha256, what its check found
    dataset:{id}:jobs           set     unfinished jobs that use it
    datasets                    string  counts uploads; a data set's number is its place in the lists
    datasets:{project}          zset    the project's data set ids by number
    checking                    zset    data sets to be checked by the time from which anyone may, ms: the check's lease
    campaign:{id}               hash    a sweep, study or transfer: project, state, round, what was asked and decided
    campaign:{id}:open          set     its jobs that have not ended
    campaign:{id}:arriving      zset    its jobs that are recorded but not queued yet, by place: all are queued together
    campaigns                   string  counts campaigns; a campaign's number is its place in the lists
    campaigns:{project}:{kind}  zset    the project's campaigns of a kind by number
    jobs:{project}:{campaign}   zset    a campaign's job ids by number
    advancing                   zset    campaigns to be looked at by the time from which anyone may, ms: the lease
    asks                        list    ids of questions for the side queue and of their jobs, oldest first
    ask:{id}                    string  a question; lives until its asker gives up
    answer:{id}                 string  the answer; lives a minute
    bells                       string  counts doorbells, so that each has its own tag
    celery:{queue}              list    doorbells, as Celery's transport keeps them; `celery:*` belongs to Celery
    live:{id}                   channel says that there is more to read of a job, data set, campaign or ask

Lua sees the same names as `keys.job(id)`.
"""

import re

TEMPLATES: dict[str, str] = {
    "job": "job:{id}",
    "events": "job:{id}:events",
    "curves": "job:{id}:curves",
    "curve": "job:{id}:curve:{key}",
    "marks": "job:{id}:marks",
    "count": "jobs",
    "listing": "jobs:{project}",
    "unfinished": "unfinished:{project}",
    "reserved": "reserved:{project}",
    "queues": "queues",
    "queue": "queue:{queue}",
    "turns": "queue:{queue}:turns",
    "alike": "queue:{queue}:alike:{project}:{alike}:{step}",
    "findings": "findings:{hardware}",
    "leases": "leases",
    "claim": "claim:{ticket}",
    "idempotency": "idempotency:{project}:{key}",
    "key": "key:{digest}",
    "keys": "keys",
    "worker": "worker:{id}",
    "workers": "workers",
    "dataset": "dataset:{id}",
    "uses": "dataset:{id}:jobs",
    "dataset_count": "datasets",
    "dataset_listing": "datasets:{project}",
    "checking": "checking",
    "campaign": "campaign:{id}",
    "members": "jobs:{project}:{campaign}",
    "open_members": "campaign:{id}:open",
    "arriving": "campaign:{id}:arriving",
    "campaign_count": "campaigns",
    "campaign_listing": "campaigns:{project}:{kind}",
    "advancing": "advancing",
    "asks": "asks",
    "ask": "ask:{id}",
    "answer": "answer:{id}",
    "bells": "bells",
    "doorbells": "celery:{queue}",
    "live": "live:{id}",
}

CELERY_PREFIX = "celery:"


def name(kind: str, *parts: str) -> str:
    """The key of this kind for these parts, in the order of its template."""
    return TEMPLATES[kind].format(**dict(zip(_fields(kind), parts, strict=True)))


def lua() -> str:
    """The same names as Lua functions: `keys.curve(id, key)`."""
    return "local keys = {}\n" + "".join(
        f"function keys.{kind}({', '.join(_fields(kind))}) return {_concatenation(template)} end\n"
        for kind, template in TEMPLATES.items()
    )


def _fields(kind: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", TEMPLATES[kind])


def _concatenation(template: str) -> str:
    parts = re.split(r"(\{\w+\})", template)
    return " .. ".join(part[1:-1] if part.startswith("{") else f"'{part}'" for part in parts if part)
