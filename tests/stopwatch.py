"""Time in tests of what grows with the size of a text."""

import gc
import time


def processor_seconds(work):
    """How long some work takes the processor: others may be busy too."""
    gc.disable()  # its passes go over what all tests before have left
    try:
        start = time.process_time()
        work()
        return time.process_time() - start
    finally:
        gc.enable()
