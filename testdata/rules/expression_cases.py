# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""Prints the cases about the size of regular expressions, as handwritten_cases.py prints the others.

Their texts are long, so they are not among the published vectors.
"""

from cases import dump
from handwritten_cases import CASES, bad_condition, bad_values, test

CASES.clear()

test("a text of 4,096 bytes", "matches", ["^(x|\u00e9)"], passes=["x" * 4096], never=["x" * 4097, "\u00e9" * 2049])
LARGEST = ["x{1000}", "[a-z]{1000}", r"\d{999}x", "(?:ab?){250}", "(?:x{9}){100}", "(?i)x{999}", r"x{499}|\x78{500}", "x{0,1000}", "(x){500}"]
test("regular expressions of size 1,000", "matches", LARGEST[:5], passes=["x" * 1000], fails=["7"])
for expression in LARGEST[5:]:
    test("a regular expression of size 1,000", "matches", [expression], passes=["x" * 1000])
bad_values("a regular expression of size 1,001", "matches", "x{1000}y", r"\d{1000}$", "(?i)x{1000}", r"x{500}|\x78{500}", "x{0,1000}?", "(x{999})y", "a{x}x{998}")
bad_values("a regular expression that is too large", "matches", "(x{10}){100}", "(?:ab?){251}", ".{0,999}" * 120)
bad_condition("regular expressions of size 5,001 together", {"attribute": "a", "op": "matches", "values": [*LARGEST[:5], "x"]})

if __name__ == "__main__":
    for line in CASES:
        print(dump(line))
