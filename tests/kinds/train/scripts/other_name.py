"""No `main`, and no arguments: a function of another name takes the environment."""

from told import tell


def make_env(env_id):
    return {"id": env_id}


def learn(env_id="CartPole-v1", seed=1):
    envs = [make_env(env_id) for _ in range(2)]
    model = [len(envs)]
    tell(env=env_id, seed=seed, model=model, made=envs)


if __name__ == "__main__":
    learn("Acrobot-v1")
