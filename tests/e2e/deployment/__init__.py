"""A deployment into an emulator of AWS: how it is made, and how the tests use it."""
