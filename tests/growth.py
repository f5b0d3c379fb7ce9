"""How the time of a function grows with the size of its input."""

import time


def growth(function, small, large, runs=3):
    """Return the time for the large input over that for the small one.

    The least of some runs each, in seconds of the processor.
    """

    def seconds(argument):
        times = []
        for _ in range(runs):
            start = time.process_time()
            function(argument)
            times.append(time.process_time() - start)
        return min(times)

    return seconds(large) / max(seconds(small), 1e-3)
