"""Boxes instead of LIBERO's meshes: enough to play the suite libero_object by LIBERO's own code and initial states."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

OBJECTS = (
    *("alphabet_soup", "bbq_sauce", "butter", "chocolate_pudding", "cream_cheese", "ketchup", "milk", "orange_juice"),
    *("salad_dressing", "tomato_sauce"),
)
SCENE = """
<mujoco model="floor">
  <asset>
    <texture builtin="gradient" height="16" width="16" rgb1=".9 .9 1." rgb2=".2 .3 .4" type="skybox"/>
    <texture file="textures/floor.png" type="2d" name="texplane"/>
    <material name="floorplane" texture="texplane" texrepeat="3 3"/>
    <texture file="textures/wall.png" type="2d" name="tex-wall"/>
    <material name="wall" texture="tex-wall"/>
  </asset>
  <worldbody>
    <body name="floor" pos="0 0 0">
      <geom name="floor" condim="3" material="floorplane" pos="0 0 0" size="3 3 .125" type="plane"/>
    </body>
    <light pos="1 1 1.5" dir="-.2 -.2 -1" directional="true"/>
    <camera mode="fixed" name="frontview" pos="1.6 0 1.45" quat=".56 .43 .43 .56"/>
    <camera mode="fixed" name="agentview" pos=".5 0 1.35" quat=".653 .271 .271 .653"/>
  </worldbody>
</mujoco>
"""
OBJECT = """
<mujoco model="{name}">
  <worldbody>
    <body>
      <body name="object">
        {geoms}
        {more}
      </body>
      <site rgba="0 0 0 0" size="0.005" pos="0 0 -{half}" name="bottom_site"/>
      <site rgba="0 0 0 0" size="0.005" pos="0 0 {half}" name="top_site"/>
      <site rgba="0 0 0 0" size="0.005" pos="{half} {half} 0" name="horizontal_radius_site"/>
    </body>
  </worldbody>
</mujoco>
"""
GEOM = '<geom type="box" size="{size}" pos="{pos}" group="{group}" rgba="{color}" {mass}/>'
REGION = """
<body name="contain">
  <site name="contain_region" type="box" size=".06 .06 .05" pos="0 0 .01" quat="1 0 0 0" rgba="0 0 0 0"/>
</body>
"""


def make(folder: Path) -> None:
    """Fill a folder of assets."""
    for name in ("articulated_objects", "turbosquid_objects"):
        (folder / name).mkdir(parents=True)
    _write(folder / "scenes" / "libero_floor_base_style.xml", SCENE)
    for name in ("light-gray-floor-tile.png", "light-gray-plaster.png"):
        _write_png(folder / "scenes" / "textures" / name)
    for index, name in enumerate(OBJECTS):
        color = f"{index % 3 / 2} {index % 4 / 3} {index % 5 / 4} 1"
        _write_object(folder / "stable_hope_objects", name, [("0 0 0", ".02 .02 .03")], color=color, half=0.03)
    walls = [("0 0 -.05", ".08 .08 .005"), *((f"{x} {y} 0", s) for x, y, s in _SIDES)]
    _write_object(folder / "stable_scanned_objects", "basket", walls, color=".6 .4 .2 1", half=0.055, more=REGION)


_SIDES = ((0.08, 0, ".005 .08 .05"), (-0.08, 0, ".005 .08 .05"), (0, 0.08, ".08 .005 .05"), (0, -0.08, ".08 .005 .05"))


def _write_object(folder, name, boxes, *, color, half, more=""):
    geoms = []
    for pos, size in boxes:
        geoms.append(GEOM.format(size=size, pos=pos, group=0, color=color, mass='density="200"'))
        shown = 'contype="0" conaffinity="0" mass="1e-8"'
        geoms.append(GEOM.format(size=size, pos=pos, group=1, color=color, mass=shown))
    text = OBJECT.format(name=name, geoms="\n".join(geoms), more=more, half=half)
    _write(folder / name / f"{name}.xml", text)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _write_png(file: Path, size: int = 4) -> None:
    rows = b"".join(b"\0" + b"\xa0" * 3 * size for _ in range(size))
    chunks = [
        (b"IHDR", struct.pack("!IIBBBBB", size, size, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
