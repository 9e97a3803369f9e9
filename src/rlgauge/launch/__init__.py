"""Where runs execute: in this process, or in workers on this machine."""
