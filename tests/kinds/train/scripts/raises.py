"""A script that fails, inside of a library."""

import json


def load(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise RuntimeError("the weights are damaged") from error


def main(env="CartPole-v1"):
    return load("{")


if __name__ == "__main__":
    main()
