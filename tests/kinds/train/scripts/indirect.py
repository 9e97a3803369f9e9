"""A flat file that makes an environment whose id stands nowhere in it as a whole."""

import gymnasium as gym

name = "CartPole"
env = gym.make(f"{name}-v1")
env.reset()
env.step(0)
