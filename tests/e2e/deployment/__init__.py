"""Deploys to an AWS emulator, and gives the tests access to the deployment."""
