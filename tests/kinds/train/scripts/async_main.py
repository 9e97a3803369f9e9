"""A `main` that is a coroutine."""

import asyncio

from told import tell


async def main(env_id="CartPole-v1"):
    model = [1.0]
    await asyncio.sleep(0)
    tell(env=env_id)
    return model


if __name__ == "__main__":
    asyncio.run(main())
