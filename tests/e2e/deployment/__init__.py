"""Deploys the stacks to an AWS emulator, and gives the tests access to them."""
