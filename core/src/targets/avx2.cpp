// SPDX-License-Identifier: Apache-2.0
#define GS_TARGET avx2
#define GS_BYTES 32
#include "loops.hpp"
