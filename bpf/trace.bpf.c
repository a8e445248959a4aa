// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The tracepoint tier. */
#include "actplane.h"
#include "tier_trace.h"
