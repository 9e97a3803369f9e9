"""A `main` with closures over its locals, a nonlocal, a comprehension and a lambda."""

from told import tell


def main(env="CartPole-v1", seed=0):
    q_table = [0, 0]
    best = 0

    def update(place):
        nonlocal best
        q_table[place] += 1
        best = max(q_table)
        return best

    values = [update(place % 2) for place in range(5)]
    get_action = lambda state: q_table.index(max(q_table))  # noqa: E731  # as scripts are
    tell(env=env, seed=seed, values=values, best=best, action=get_action(None))


if __name__ == "__main__":
    main()
