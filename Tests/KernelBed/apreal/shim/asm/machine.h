/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_MACHINE_H
#define SHIM_ASM_MACHINE_H
static inline bool machine_is_vm(void) { return false; }
#endif
