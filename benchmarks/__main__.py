"""`python -m benchmarks` is what `make bench` runs."""

from benchmarks.run import main

main()
