"""Measurements side by side: `python -m bench [NAME]`. Each prints ratios and writes bench/out/NAME.json.

A measurement is no test: it never fails because a machine is slow. It refuses to print a figure of ours without the
figure that it is compared with, taken in the same rounds.
"""
