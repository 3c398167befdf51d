/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_ASM_CHSC_H
#define SHIM_ASM_CHSC_H
#include <linux/notifier.h>
#define CHSC_NOTIFY_AP_CFG 3
extern struct blocking_notifier_head aphw_chsc_chain;
static inline int chsc_notifier_register(struct notifier_block *nb)
{ return blocking_notifier_chain_register(&aphw_chsc_chain, nb); }
static inline int chsc_notifier_unregister(struct notifier_block *nb)
{ return blocking_notifier_chain_unregister(&aphw_chsc_chain, nb); }
#endif
