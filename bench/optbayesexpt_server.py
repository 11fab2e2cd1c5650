"""The designer of optbayesexpt, with the experiment of a file, as the baseline of the designer's rounds.

    optbayesexpt_server.py FILE

The experiment has one knob, one channel, and uniform priors. OPTBAYESEXPT is a checkout of optbayesexpt. It answers any
line with its port, and serves until it is killed. newrun has the members seed, particles and settings.KNOB.steps.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import tomllib

sys.path.insert(0, os.environ["OPTBAYESEXPT"])
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "test" / "study"))

import numpy as np
import optbayesexpt as obe
from original import function  # that of the study

EXPERIMENT = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
[(KNOB, RANGE)] = EXPERIMENT["settings"].items()
PRIORS = EXPERIMENT["parameters"]
[EXPRESSION] = EXPERIMENT["model"].values()
MODEL = function(EXPRESSION, [KNOB], list(PRIORS), [])


class Server(obe.OBE_Server):  # type: ignore[misc]
    def newrun(self, message: dict[str, Any]) -> None:
        random = np.random.default_rng(message["seed"])
        settings = np.linspace(RANGE["min"], RANGE["max"], message[f"settings.{KNOB}.steps"])
        particles = tuple(random.uniform(p["min"], p["max"], message["particles"]) for p in PRIORS.values())
        self.make_obe(obe.OptBayesExpt, (MODEL, (settings,), particles, ()), scale=False)


server = Server(ip_address="127.0.0.1", port=0)
sys.stdin.readline()
about = {
    "port": server.server.getsockname()[1],
    "version": obe.__version__,
    "numpy": np.__version__,
}
print(json.dumps(about), flush=True)
with (
    open(os.devnull, "w", encoding="utf-8") as nothing,
    contextlib.redirect_stdout(nothing),
):
    server.run()
