"""Speed and accuracy, measured: each `bench_*.py` prints a table and writes its JSON."""
