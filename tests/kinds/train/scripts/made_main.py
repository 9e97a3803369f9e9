"""A `main` that another function makes."""

from told import tell


def build(name):
    def main(env="CartPole-v1", seed=0):
        policy = [name]
        tell(env=env, seed=seed, policy=policy)
        return policy

    return main


main = build("made")

if __name__ == "__main__":
    main()
