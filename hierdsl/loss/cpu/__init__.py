"""The fused loss on the CPU: loops that Numba compiles, and the engine that sends them over the threads."""
