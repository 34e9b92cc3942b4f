"""Writes digits.txt: an operation, the bits of its operands, the bits of the nearest double of the exact result,
and by how many thousandths of a unit in the last place the exact result is larger. Needs mpmath; run it here."""

import random
import struct
import sys

import mpmath as mp

mp.mp.dps = 400
random.seed(7)


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def number(b):
    return struct.unpack("<d", struct.pack("<Q", b))[0]


def nearest(exact):
    """Round to nearest, ties to even, with overflow and subnormal numbers."""
    if exact == 0:
        return 0.0, mp.mpf(2) ** -1074
    exponent = max(mp.floor(mp.log(abs(exact), 2)), -1022)
    ulp = mp.mpf(2) ** (exponent - 52)
    quotient = mp.nint(exact / ulp)
    if abs(quotient * ulp) >= mp.mpf(2) ** 1024:
        return float("inf") if exact > 0 else float("-inf"), ulp
    return float(quotient * ulp), ulp


def spread(low, high, count=110):
    """Evenly, and by magnitude towards 0."""
    points = [random.uniform(low, high) for _ in range(count)]
    for _ in range(count // 2):
        x = (high if random.random() < 0.5 else low) * 2.0 ** random.uniform(-60, 0)
        points.append(x)
    for scale in (2.0**-200, 2.0**-500, 2.0**-1030):
        points += [high * scale, low * scale]
    return [x for x in points if low <= x <= high]


def positive(count=150):
    return [number(random.randrange(1, 0x7FEFFFFFFFFFFFFF)) for _ in range(count)]


UNARY = {
    "exp": (mp.exp, spread(-745, 709.7) + spread(-3, 3)),
    "log": (mp.log, positive() + [1 + x for x in spread(-0.5, 1)]),
    "expm1": (mp.expm1, spread(-50, 709.7) + spread(-2, 2)),
    "log1p": (mp.log1p, positive() + spread(-0.999, 3)),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), spread(-740, 50) + spread(-5, 5)),
    "log_sigmoid": (lambda x: -mp.log1p(mp.exp(-x)), spread(-50, 740) + spread(-5, 5)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), spread(-740, 50) + spread(-5, 5)),
    "tanh": (mp.tanh, spread(-20, 20) + spread(-2, 2)),
    "log_cosh": (lambda x: mp.log(mp.cosh(x)), spread(-50, 50) + spread(-2, 2)),
    "sinh": (mp.sinh, spread(-710, 710) + spread(-2, 2)),
    "cosh": (mp.cosh, spread(-710, 710) + spread(-2, 2)),
    "asin": (mp.asin, spread(-1, 1)),
    "acos": (mp.acos, spread(-1, 1)),
    "atan": (mp.atan, spread(-1e3, 1e3) + spread(-2, 2)),
    "sin": (mp.sin, spread(-1e8, 1e8) + spread(-7, 7) + [float(k * mp.pi / 2) for k in range(1, 9)]),
    "cos": (mp.cos, spread(-1e8, 1e8) + spread(-7, 7) + [float(k * mp.pi / 2) for k in range(1, 9)]),
    "tan": (mp.tan, spread(-1e8, 1e8) + spread(-7, 7) + [float(k * mp.pi / 2) for k in range(1, 9)]),
}

lines = []
for name, (function, points) in UNARY.items():
    for x in points:
        exact = function(mp.mpf(x))
        y, ulp = nearest(exact)
        if abs(y) == float("inf"):
            continue
        lines.append(f"{name} {bits(x):x} {bits(y):x} {int(mp.nint((exact - mp.mpf(y)) / ulp * 1000))}")
for _ in range(300):
    a, b = random.uniform(-3, 3), random.uniform(-3, 3) * 2.0 ** random.choice([0, 0, 3, -3, 30, -30, 400])
    exact = mp.atan2(mp.mpf(a), mp.mpf(b))
    y, ulp = nearest(exact)
    lines.append(f"atan2 {bits(a):x} {bits(b):x} {bits(y):x} {int(mp.nint((exact - mp.mpf(y)) / ulp * 1000))}")
for x in spread(-6.5, 6.5, 300) + spread(-1.5, 1.5, 200):
    exact = mp.erf(mp.mpf(x))
    y, ulp = nearest(exact)
    lines.append(f"erf {bits(x):x} {bits(y):x} {int(mp.nint((exact - mp.mpf(y)) / ulp * 1000))}")


def powers(count):
    """Bases of every size and near 1, exponents of every size and those that all but overflow."""
    for place in range(count):
        a = [random.uniform(0.5, 2), number(random.randrange(1, 0x7FEFFFFFFFFFFFFF)), random.uniform(0, 1)][place % 3]
        a = a if place % 5 else 1 + random.uniform(-1, 1) * 2.0 ** random.uniform(-40, 0)
        largest = float(709 / mp.log(mp.mpf(a))) if a != 1 else 1e9
        b = [random.uniform(-4, 4), largest * random.uniform(0.9, 1), largest * random.uniform(-1.04, 1)][place % 7 % 3]
        yield a, b


for a, b in powers(900):
    exact = mp.mpf(a) ** mp.mpf(b)
    y, ulp = nearest(exact)
    if abs(y) != float("inf"):
        lines.append(f"pow {bits(a):x} {bits(b):x} {bits(y):x} {int(mp.nint((exact - mp.mpf(y)) / ulp * 1000))}")
sys.stdout.write("\n".join(lines) + "\n")
