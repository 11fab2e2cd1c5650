#!/usr/bin/env python3
"""An experiment-design server: finds the centre of a Lorentzian dip in few measurements.

The instrument asks for a setting (`goodset` or `optset`), measures there, and reports what it saw (`newdat`).
The server keeps a posterior over the centre f0 of the dip

    y = 1 - DEPTH / (((f - f0) * 2 / WIDTH)^2 + 1)

on a grid of candidate centres, and proposes the settings f where the posterior is least certain of y: there a
measurement is most informative. Any client of the OBE protocol can be the instrument; examples/c/instrument.c is one.

    python3 peak_server.py --port 61981
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from operator import mul

from libobe import Server, command

# The experiment: optically detected magnetic resonance, frequencies in MHz, signal relative to the level off resonance.
LOLIM, HILIM = 2840.0, 2900.0  # the centre lies in this range unless newrun sets another
STEPS = 200  # candidate settings, evenly spaced over the range
CENTRES = 400  # candidate centres, evenly spaced over the range
DEPTH = 0.1  # known from an earlier run
WIDTH = 3.0  # lw: full width at half depth, known as well
NOISE = 0.015  # one measurement's expected standard deviation; each newdat reports its own
PICKINESS = 4.0  # goodset's default: 0 draws settings evenly, large values come close to optset

# Limits of what a client may ask for.
MAX_STEPS = 2000  # more would make every goodset slow
LARGEST = 1e100  # no number of an experiment is larger, and squares stay far from overflow


def dip(offset: float) -> float:
    """How far the signal lies below 1 at a distance from the centre."""
    return DEPTH / ((offset * 2.0 / WIDTH) ** 2 + 1.0)


def grid(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def check_size(**numbers: float) -> None:
    for name, value in numbers.items():
        if not abs(value) <= LARGEST:  # false for NaN too
            raise ValueError(f"{name} must be a finite number")


class PeakServer(Server):
    """Each method marked with @command answers the command of that name. Its exceptions become error replies."""

    def __init__(self, seed: int | None = None, address: str = "", port: int = 0) -> None:
        # The timeout is the longest time that a client that does not read its reply delays the others.
        super().__init__(address, port, timeout=5)
        self.random = random.Random(seed)
        self.newrun()

    @command
    def newrun(self, lolim: float = LOLIM, hilim: float = HILIM, steps: int = STEPS) -> None:
        """Discard all data. Optionally choose the range and the number of settings."""
        check_size(lolim=lolim, hilim=hilim)
        if not lolim < hilim:
            raise ValueError("lolim must lie below hilim")
        if hilim - lolim > CENTRES * WIDTH / 4.0:
            raise ValueError(f"the range is too wide for {CENTRES} candidate centres of a dip {WIDTH} wide")
        if not 2 <= steps <= MAX_STEPS:
            raise ValueError(f"steps must lie between 2 and {MAX_STEPS}")
        self.settings = grid(lolim, hilim, steps)
        self.centres = grid(lolim, hilim, CENTRES)
        self.cell = (hilim - lolim) / (CENTRES - 1)
        # The predictions never change during a run: one row for each setting, one column for each centre.
        self.dips = [[dip(f - f0) for f0 in self.centres] for f in self.settings]
        self.squares = [[d * d for d in row] for row in self.dips]
        self.log_posterior = [0.0] * CENTRES
        self.posterior = [1.0 / CENTRES] * CENTRES

    @command
    def newdat(self, x: list[float], y: float, s: float) -> None:
        """Bayes: multiply the posterior by the Gaussian likelihood of the measurement y ± s at the setting x."""
        if len(x) != 1:
            raise ValueError("x must be a list of one number, the setting")
        (f,) = x
        check_size(x=f, y=y, s=s)
        if not s > 0.0:
            raise ValueError("s must be greater than 0")
        # In logarithms, with the largest at 0: a thousand measurements multiply to less than the smallest double.
        residuals = [(y - 1.0 + dip(f - f0)) / s for f0 in self.centres]
        log_posterior = [old - 0.5 * r * r for old, r in zip(self.log_posterior, residuals)]
        largest = max(log_posterior)
        if largest == -math.inf:
            raise ValueError("y lies too many s away from any possible signal")
        self.log_posterior = [value - largest for value in log_posterior]
        weights = [math.exp(value) for value in self.log_posterior]
        total = math.fsum(weights)
        self.posterior = [weight / total for weight in weights]

    def mean(self) -> float:
        return math.fsum(map(mul, self.posterior, self.centres))

    def variance(self) -> float:
        mean = self.mean()
        spread = math.fsum(p * (f0 - mean) ** 2 for p, f0 in zip(self.posterior, self.centres))
        # A candidate stands for its whole cell of the grid, so the uncertainty never falls below the cell's own.
        return spread + self.cell**2 / 12.0

    def utility(self) -> list[float]:
        """For each setting, the information expected from a measurement there.

        That is log(1 + V / NOISE^2), where V is the variance of the predicted signal under the posterior.
        """
        # Once the dip is located most centres are ruled out; the sums leave out those beyond the first and last left.
        plausible = [i for i, p in enumerate(self.posterior) if p > 1e-12]
        window = slice(plausible[0], plausible[-1] + 1)
        p = self.posterior[window]
        utility = []
        for row, squares in zip(self.dips, self.squares):
            mean = sum(map(mul, p, row[window]))
            variance = sum(map(mul, p, squares[window])) - mean * mean
            utility.append(math.log1p(max(variance, 0.0) / NOISE**2))
        return utility

    @command
    def optset(self) -> list[float]:
        utility = self.utility()
        return [self.settings[utility.index(max(utility))]]

    @command
    def goodset(self, pickiness: float = PICKINESS) -> list[float]:
        """A random setting, drawn with the weight utility^pickiness: explores more than optset does."""
        check_size(pickiness=pickiness)
        if pickiness < 0.0:
            raise ValueError("pickiness must not be negative")
        utility = self.utility()
        largest = max(utility)
        if largest == 0.0:  # the posterior has shrunk to one candidate: every setting is as good
            return [self.random.choice(self.settings)]
        weights = [(value / largest) ** pickiness for value in utility]
        return self.random.choices(self.settings, weights)

    @command
    def getset(self) -> list[list[float]]:
        return [self.settings]

    @command
    def getpar(self) -> list[list[float]]:
        return [self.centres]

    @command
    def getwgt(self) -> list[float]:
        return self.posterior

    @command
    def getcon(self) -> list[float]:
        return [DEPTH, WIDTH]

    @command
    def getmean(self) -> list[float]:
        return [self.mean()]

    @command
    def getstd(self) -> list[float]:
        return [math.sqrt(self.variance())]

    @command
    def getcov(self) -> list[list[float]]:
        return [[self.variance()]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Finds the centre of a Lorentzian dip with any OBE instrument.")
    parser.add_argument("--address", default="", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=61981, help="port; 0 lets the system choose (default: 61981)")
    parser.add_argument("--seed", type=int, help="seed of the draws of goodset")
    options = parser.parse_args()
    if not 0 <= options.port <= 65535:
        parser.error(f"argument --port: {options.port} is not from 0 to 65535")
    try:
        server = PeakServer(options.seed, options.address, options.port)
        print(f"peak server listening on port {server.port}", flush=True)
        server.run()  # until a client sends done, which Server answers, as it does ready
    except KeyboardInterrupt:
        pass
    except OSError as problem:  # such as a port that is in use
        sys.exit(f"peak server: {problem}")


if __name__ == "__main__":
    main()
