# SPDX-License-Identifier: Apache-2.0
"""The compiled engine. Only ``backends/cpu.py`` imports it, at the first call."""
