/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_UV_H
#define SHIM_ASM_UV_H
static inline int is_prot_virt_guest(void) { return 0; }
static inline int is_prot_virt_host(void) { return 0; }
static inline int uv_pin_shared(unsigned long paddr) { return 0; }
#endif
