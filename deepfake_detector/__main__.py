"""`python -m deepfake_detector`: the command line (cli.py)."""

from deepfake_detector.cli.arguments import main

main()
