"""CartPole in C, called by XLA: what this processor can do at most. Built where it is asked for.

Shapes: N environments.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.core import provenance
from rlgauge.core.errors import UserError
from rlgauge.core.files import cache_folder, plain_errors
from rlgauge.envs.own import Own

if TYPE_CHECKING:
    import jax

    from rlgauge.envs.reference.cartpole import State

_SOURCE = Path(__file__).with_name("cartpole.c")
_SYMBOL = "rlgauge_cartpole"
_FLAGS = ("-std=c11", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")
_FLAGS_OF = {"x86_64": ("-mprefer-vector-width=512",)}
"""By the processor's architecture: compilers take vectors of 256 bits even where it has some of 512."""
_TIMEOUT_SECONDS = 120.0


class NativeCartPole(Own):
    """Our CartPole, whose runs of random actions are one call of compiled C; single steps are those in JAX."""

    is_opaque = True
    """XLA sees nothing of what a run does, and can't count its operations."""

    def __init__(self) -> None:
        """Build and register the kernel. Raises UserError where it can't be built."""
        from rlgauge.envs.reference.cartpole import CartPole

        super().__init__(CartPole())
        _register()

    def run(self, state: State, num_steps: int) -> tuple[State, jax.Array, jax.Array]:
        """The state after so many steps of each with random actions; episodes and rewards of each."""
        import jax
        import jax.numpy as jnp
        import numpy as np

        moved = (*state[:5], state.num_steps)  # what comes out: the first five as they go in, and episodes like steps
        shapes: list[Any] = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in moved]  # type: ignore[no-untyped-call]
        call = jax.ffi.ffi_call(_SYMBOL, shapes, input_output_aliases={number: number for number in range(5)})
        position, speed, angle, rate, steps, episodes = call(*state, num_steps=np.int64(num_steps))
        after = state._replace(
            position=position,
            speed=speed,
            angle=angle,
            rate=rate,
            num_steps=steps,
            clock=state.clock + jnp.uint32(num_steps),
        )
        return after, episodes, jnp.full(episodes.shape, num_steps, jnp.float32)


def make(name: str) -> NativeCartPole:
    """The environment of that name: cartpole. Raises UserError."""
    if name != "cartpole":
        raise UserError(f"There is no compiled {name!r}; there is cartpole.")
    return NativeCartPole()


@functools.cache
def _register() -> None:
    import jax

    kernel = ctypes.cdll.LoadLibrary(str(built()))
    capsule = jax.ffi.pycapsule(getattr(kernel, _SYMBOL))  # type: ignore[no-untyped-call]
    jax.ffi.register_ffi_target(_SYMBOL, capsule, platform="cpu")


def built() -> Path:
    """The compiled kernel in the user's cache, built where it is not there. Raises UserError."""
    import jax

    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise UserError("The compiled CartPole needs a C compiler; install one (cc), or name it in $CC.")
    command = [compiler, *_FLAGS, *_FLAGS_OF.get(platform.machine(), ()), f"-I{jax.ffi.include_dir()}"]
    content = [_SOURCE.read_text(), *command, jax.__version__, str(provenance.host()["cpu"])]
    name = hashlib.blake2b("\0".join(content).encode(), digest_size=12).hexdigest()
    path = cache_folder() / "native" / f"cartpole-{name}.so"
    if not path.is_file():
        _build(command, path)
    return path


def _build(command: list[str], path: Path) -> None:
    """Compile to a temporary name and rename, so that nobody loads half of it."""
    with plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            ended = subprocess.run(
                [*command, str(_SOURCE), "-o", str(part)],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
            if ended.returncode != 0:
                raise UserError(f"The C compiler can't build the compiled CartPole: {ended.stderr.strip()[-500:]}")
            part.replace(path)
