/* SPDX-License-Identifier: GPL-2.0-only */
/* A software crypto adapter complex: what firmware answers to PQAP/NQAP/DQAP. */
#ifndef APHW_H
#define APHW_H
#include <linux/types.h>
int aphw_facility(unsigned int nr);
int aphw_sclp_configure(u32 apid, int on);
u32 aphw_tapq(u32 qid, u64 *gr2);
u32 aphw_reset(u32 qid, int zeroize);
u32 aphw_nqap(u32 qid, u64 psmid, void *msg, size_t len);
u32 aphw_dqap(u32 qid, u64 *psmid, void *msg, size_t size, size_t *len);
u32 aphw_aqic(u32 qid);
void aphw_qci(u32 *flags, u8 *na, u8 *nd, u32 *apm, u32 *aqm, u32 *adm);
int aphw_init(void (*rescan)(void));
void aphw_exit(void);
extern int (*aphw_extra)(int n, char **arg);
#endif
