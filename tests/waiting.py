"""A process that waits for ever, and says so: stands for one that trains. It loads nothing heavy."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

from groundwork.training.attached import JsonLines, end_with_input

if __name__ == "__main__":
    end_with_input()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("waiting").info("process %s waits", os.environ["RANK"])
    Path(sys.argv[1], os.environ["RANK"]).write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(600)
