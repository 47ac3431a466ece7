// SPDX-License-Identifier: Apache-2.0
#define GS_TARGET baseline
#define GS_BYTES 16
#include "loops.hpp"
