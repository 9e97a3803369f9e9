"""A `main` that absl calls."""

from absl import app, flags
from told import tell

FLAGS = flags.FLAGS
flags.DEFINE_string("env_name", "CartPole-v1", "the environment")
flags.DEFINE_integer("seed", 0, "the seed")


def main(argv):
    actor = [FLAGS.seed]
    tell(env=FLAGS.env_name, seed=FLAGS.seed, rest=argv[1:], actor=actor)


if __name__ == "__main__":
    app.run(main)
