"""The study's training step on a GPU: many trials side by side in every launch.

``source`` finds the CUDA kernels of ``cuda`` and says how to compile them; ``rows`` lays out what a
launch works on; a ``Fleet`` launches steps for all trials of a process; a ``GpuModel`` is one
trial's view of it. docs/gpu.md explains the kernels.
"""
