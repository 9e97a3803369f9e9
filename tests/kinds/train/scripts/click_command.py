"""A `main` that click calls."""

import click
from told import tell


@click.command()
@click.option("--env", "-e", default="CartPole-v1", show_default=True)
@click.option("--seed", default=0, type=int)
@click.option("--steps", default=10, type=int)
def main(env, seed, steps):
    policy = [seed]
    tell(env=env, seed=seed, steps=steps, policy=policy)


if __name__ == "__main__":
    main()
