/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_AIRQ_H
#define SHIM_ASM_AIRQ_H
#include <linux/types.h>
#include <linux/version.h>
#include <linux/list.h>
#include <linux/errno.h>
#include <asm/tpi.h>
struct airq_struct {
	struct hlist_node list;
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 18, 0)
	void (*handler)(struct airq_struct *airq, bool floating);
#else
	void (*handler)(struct airq_struct *airq, struct tpi_info *tpi_info);
#endif
	u8 *lsi_ptr;
	u8 lsi_mask;
	u8 isc;
	u8 flags;
};
static inline int register_adapter_interrupt(struct airq_struct *a) { return -EOPNOTSUPP; }
static inline void unregister_adapter_interrupt(struct airq_struct *a) { }
#endif
