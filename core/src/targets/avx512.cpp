// SPDX-License-Identifier: Apache-2.0
#define GS_TARGET avx512
#define GS_BYTES 64
#include "loops.hpp"
