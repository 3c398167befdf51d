/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_FACILITY_H
#define SHIM_ASM_FACILITY_H
#include "../../aphw.h"
static inline int test_facility(unsigned long nr) { return aphw_facility(nr); }
#endif
