# SPDX-License-Identifier: Apache-2.0
"""The single source of truth: tables of kernels, boundaries, frames and dialects, and the oracle that reads them.

Nothing here imports more than NumPy, the standard library and ``gridsample.errors``, so that the tables can be read
where the engine is not built.
"""
