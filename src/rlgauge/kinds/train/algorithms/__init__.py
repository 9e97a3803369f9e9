"""Imitation learning: behavioural cloning, DAgger, GAIL and AIRL, with the settings of the library `imitation`."""
