"""`python -m jobs.scheduler` is `datacenter-scheduler`."""

from jobs.scheduler.turns import main

if __name__ == "__main__":
    main()
