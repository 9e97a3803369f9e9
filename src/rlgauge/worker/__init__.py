"""The worker that every launcher starts: `python -m rlgauge.worker PLAN`.

It claims cases, one at a time, and supervises a child process that measures them. The supervisor imports nothing heavy,
beats the heartbeat, enforces limits and commits; the child may crash, hang or eat the memory, and only its own run
suffers.
"""
