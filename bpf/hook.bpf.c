// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The tiers that refuse before anything happens: BPF-LSM and modify-return. */
#include "actplane.h"
#include "tier_hook.h"
