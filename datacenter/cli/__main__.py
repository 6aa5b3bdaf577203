"""`python -m datacenter.cli` is `datacenter`."""

from datacenter.cli.main import main

main()
