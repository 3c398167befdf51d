/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_SCLP_H
#define SHIM_ASM_SCLP_H
#include "../../aphw.h"
static inline int sclp_ap_configure(u32 apid) { return aphw_sclp_configure(apid, 1); }
static inline int sclp_ap_deconfigure(u32 apid) { return aphw_sclp_configure(apid, 0); }
#endif
