"""`python -m deepfake_detector`: the command line (cli/arguments.py)."""

from deepfake_detector.cli.arguments import main

main("python -m deepfake_detector")
