"""What it needs stands in files beside it: its arguments, and a helper with a global seed of its own."""

import sibling_arguments
import sibling_helper
from sibling_helper import SEED
from told import tell


def main():
    args = sibling_arguments.parse()
    q_values = [0.0]
    tell(env=args.env, seed=args.seed, own=SEED, helper=sibling_helper.draw(), q=q_values)


if __name__ == "__main__":
    main()
