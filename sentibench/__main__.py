"""`python -m sentibench`."""

from sentibench import main

main()
