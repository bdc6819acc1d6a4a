"""What the scripts of checks have in common: each check is a function whose name says what it shows.

Prints one line for every check, `ok …` or `FAILED …`.
"""

import asyncio
import sys
import traceback

from hindsight_client import Hindsight


def equal(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def passes(title, check, *arguments):
    name = f"{title}: {check.__name__.replace('_', ' ')}"
    try:
        result = check(*arguments)
        if asyncio.iscoroutine(result):
            asyncio.run(result)
    except Exception as error:
        traceback.print_exc()
        print(f"FAILED  {name}: {error}", flush=True)
        return False
    print(f"ok      {name}", flush=True)
    return True


def main(title, checks, checks_of_url):
    """Makes the checks with a client of the server that the command line names, then those that only take
    its URL; ends with 1 if one failed."""
    url = sys.argv[1]
    with Hindsight(base_url=url, timeout=60.0) as client:
        results = [passes(title, check, client) for check in checks]
    # Last: the client's blocking calls do not work in a thread that has run an event loop of its own.
    results += [passes(title, check, url) for check in checks_of_url]
    sys.exit(0 if all(results) else 1)
