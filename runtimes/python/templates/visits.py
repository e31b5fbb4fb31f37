"""Counts its calls. What a module holds lives as long as its instance: call it twice, then save it and call again."""

import sys
import time

started = time.time()
visits = 0


def handler(event, context):
    global visits
    visits += 1
    print(f"visit number {visits}")
    if visits == 1:
        # Warnings go to stderr, and are shown apart from what is printed.
        print("a new instance begins to count at one", file=sys.stderr)
    return {
        "visits": visits,
        "instance_age_s": round(time.time() - started, 3),
        "milliseconds_left": context.get_remaining_time_in_millis(),
    }
