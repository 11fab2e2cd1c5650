#!/usr/bin/env python3
"""Runs of optbayesexpt for the study. It reads a line of JSON for each run, and answers with one.

The first line has the experiment; the answer, the versions. A run has the true values, the
noise of each measurement in standard deviations, the first particles and a seed; the answer
has the estimate, or the exception.
"""

import base64
import json
import sys
import warnings

import numpy as np
import optbayesexpt
import tomllib

# The functions of an experiment file that numpy has under another name, or not at all.
NAMES = {name: getattr(np, name) for name in dir(np)} | {
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "min": np.minimum,
    "max": np.maximum,
}


def function(expression, *names):
    """Return an expression of an experiment file as a function, whose arguments are tuples of the values of names."""
    arguments = [f"_{i}" for i in range(len(names))]
    lines = [f"def function({', '.join(arguments)}):"]
    for argument, group in zip(arguments, names):
        lines += [f"    {name} = {argument}[{i}]" for i, name in enumerate(group)]
    scope = dict(NAMES)
    exec("\n".join([*lines, f"    return ({expression.replace('^', '**')})"]), scope)
    return scope["function"]


class Costs:
    """Divides the utility by the duration of a change of the settings, as the file has it."""

    change = None

    def cost_estimate(self):
        if self.change is None or not self.measurement_results:
            return 1.0
        return 1.0 + self.change(self.allsettings, self.measurement_results[-1])


class KnownNoise(Costs, optbayesexpt.OptBayesExpt):
    pass


class UnknownNoise(Costs, optbayesexpt.OptBayesExptNoiseParameter):
    pass


class Experiment:
    def __init__(self, text):
        knobs = [s["name"] for s in text["settings"]]
        self.grid = tuple(np.array(values) for values in text["values"])
        self.parameters = [p["name"] for p in text["parameters"]]
        self.constants = tuple(c["value"] for c in text["constants"])
        self.channels = text["channels"]
        names = knobs, self.parameters, [c["name"] for c in text["constants"]]
        self.models = [function(c["expression"], *names) for c in self.channels]
        self.pickiness = text["pickiness"]
        self.draws = text["draws"]
        with open(text["file"], "rb") as file:
            cost = tomllib.load(file).get("design", {}).get("cost")
        before = [f"{name}_before" for name in knobs]
        self.change = function(str(cost), knobs, before) if cost is not None else None

    def predict(self, settings, parameters, constants):
        results = [model(settings, parameters, constants) for model in self.models]
        return results[0] if len(results) == 1 else results

    def deviations(self, truth):
        """Return the standard deviation of the noise of each channel."""
        known = dict(zip(self.parameters, truth))
        return np.array([c.get("noise_std") or known[c["noise_parameter"]] for c in self.channels])

    def designer(self, particles, seed):
        # optbayesexpt knows the noise of all channels, or of none.
        noise = [c.get("noise_parameter") for c in self.channels]
        arguments = (self.predict, self.grid, particles, self.constants)
        if noise[0] is None:
            known = np.array([[c["noise_std"]] for c in self.channels])
            made = KnownNoise(*arguments, n_draws=self.draws, default_noise_std=known)
        else:
            which = [self.parameters.index(name) for name in noise]
            made = UnknownNoise(*arguments, noise_parameter_index=which, n_draws=self.draws)
        made.rng = np.random.default_rng(seed)
        made.change = self.change
        return made

    def run(self, sample):
        particles = np.frombuffer(base64.b64decode(sample["particles"])).reshape(len(self.parameters), -1)
        designer = self.designer(particles.copy(), sample["seed"])
        truth, deviations = sample["truth"], self.deviations(sample["truth"])
        for noise in sample["noise"]:
            x = designer.good_setting(self.pickiness)
            y = np.atleast_1d(self.predict(x, truth, self.constants)) + deviations * noise
            designer.pdf_update((x, tuple(y), tuple(deviations)))
            designer.measurement_results.append(x)
        return designer.mean(), designer.std()


def answer(sample, experiment):
    try:
        mean, std = experiment.run(sample)
    except Exception as error:  # the study counts them
        return {"failed": f"{type(error).__name__}: {error}"}
    if not np.all(np.isfinite(mean)) or not np.all(np.isfinite(std)):
        return {"failed": "the result is not finite"}
    return {"mean": mean.tolist(), "std": std.tolist()}


def main():
    out, sys.stdout = sys.stdout, sys.stderr  # optbayesexpt prints
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    experiment = Experiment(json.loads(sys.stdin.readline()))
    print(json.dumps({"optbayesexpt": optbayesexpt.__version__, "numpy": np.__version__}), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), experiment)), file=out, flush=True)


if __name__ == "__main__":
    main()
