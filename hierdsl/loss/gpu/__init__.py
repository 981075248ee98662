"""The loss on a CUDA device, in kernels written in Triton; see `hierdsl.loss.gpu.engine`."""
