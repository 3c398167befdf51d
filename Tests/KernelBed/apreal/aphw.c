// SPDX-License-Identifier: GPL-2.0-only
/*
 * aphw.c - a software crypto adapter complex for the Linux AP bus.
 *
 * Answers the AP instructions (TAPQ, RAPQ, ZAPQ, QCI, NQAP, DQAP) that the
 * AP bus code issues, from tables which a test changes at run time through
 * /sys/kernel/debug/aphw/ctl (see README.md for the commands).
 */
#include <linux/module.h>
#include <linux/debugfs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/ctype.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/notifier.h>
#include "aphw.h"

#define NR 256
#define RC(x)		((u32)(x) << 16)
#define Q_EMPTY		0x80000000u
#define Q_WAITING	0x40000000u

enum { RC_NORMAL = 0, RC_NOT_AVAIL = 1, RC_RESET = 2, RC_DECONF = 3,
       RC_CHKSTOP = 4, RC_BUSY = 5, RC_NO_REPLY = 0x10 };

struct hwcard {
	bool present, config, chkstop;
	u8 type;		/* 10 = CEX4 ... 14 = CEX8 */
	u32 fac;		/* facility bits, TAPQ GR2 bits 0-31 */
};

static struct hwcard cards[NR];
static DECLARE_BITMAP(doms, NR);
static DECLARE_BITMAP(ctrls, NR);	/* control domains */
static u8 qrc[NR][NR];		/* forced response code of a queue, 0 = none */
static u16 pend[NR][NR];	/* messages sent and not fetched */
static u64 psmids[NR][NR];	/* of the last message */
static DEFINE_SPINLOCK(hwlock);
static void (*hw_rescan)(void);
int (*aphw_extra)(int n, char **arg);	/* more commands; -ENOENT: not mine */
static struct dentry *hw_dir;
BLOCKING_NOTIFIER_HEAD(aphw_chsc_chain);

static char *hw_cards = "";
module_param(hw_cards, charp, 0444);
MODULE_PARM_DESC(hw_cards, "cards at start: LIST[:TYPE[:MODE]][;...] e.g. 0-3:13:cca;8:14:ep11");
static char *hw_doms = "";
module_param(hw_doms, charp, 0444);
MODULE_PARM_DESC(hw_doms, "usage domains at start, e.g. 0-7,16");
static int hw_na = 255;
module_param(hw_na, int, 0444);
static int hw_nd = 255;
module_param(hw_nd, int, 0444);
static int hw_qci = 1;
module_param(hw_qci, int, 0444);
MODULE_PARM_DESC(hw_qci, "1: PQAP(QCI) is available (default), 0: not");

int aphw_facility(unsigned int nr)
{
	return nr == 15 || (nr == 12 && hw_qci);
}

static u32 state_rc(u32 card, u32 dom)
{
	if (!cards[card].present || !test_bit(dom, doms))
		return RC_NOT_AVAIL;
	if (!cards[card].config)
		return RC_DECONF;
	if (cards[card].chkstop)
		return RC_CHKSTOP;
	return qrc[card][dom];
}

u32 aphw_tapq(u32 qid, u64 *gr2)
{
	u32 card = (qid >> 8) & 0xff, dom = qid & 0xff, rc, st;
	unsigned long f;

	spin_lock_irqsave(&hwlock, f);
	rc = state_rc(card, dom);
	*gr2 = 0;
	if (rc != RC_NOT_AVAIL)
		*gr2 = (u64)cards[card].fac << 32 | (u32)cards[card].type << 24 |
		       (u32)(hw_nd & 0xff) << 16 | (u64)3 << 8 | 7;
	st = RC(rc) | (pend[card][dom] ? Q_WAITING : Q_EMPTY);
	spin_unlock_irqrestore(&hwlock, f);
	return st;
}

u32 aphw_reset(u32 qid, int zeroize)
{
	u32 card = (qid >> 8) & 0xff, dom = qid & 0xff, rc;
	unsigned long f;

	spin_lock_irqsave(&hwlock, f);
	rc = state_rc(card, dom);
	if (!rc)
		pend[card][dom] = 0;
	spin_unlock_irqrestore(&hwlock, f);
	return RC(rc) | Q_EMPTY;
}

u32 aphw_aqic(u32 qid)
{
	return RC(RC_NOT_AVAIL);
}

u32 aphw_nqap(u32 qid, u64 psmid, void *msg, size_t len)
{
	u32 card = (qid >> 8) & 0xff, dom = qid & 0xff, rc;
	unsigned long f;

	spin_lock_irqsave(&hwlock, f);
	rc = state_rc(card, dom);
	if (!rc) {
		pend[card][dom] = 1;
		psmids[card][dom] = psmid;
	}
	spin_unlock_irqrestore(&hwlock, f);
	return RC(rc) | Q_WAITING;
}

/* every request is answered with a type 82 error reply "invalid operand" */
u32 aphw_dqap(u32 qid, u64 *psmid, void *msg, size_t size, size_t *len)
{
	u32 card = (qid >> 8) & 0xff, dom = qid & 0xff, rc;
	static const u8 reply[] = { 0, 0x82, 0, 0, 0x30, 0, 0, 0 };
	unsigned long f;

	*len = 0;
	spin_lock_irqsave(&hwlock, f);
	rc = state_rc(card, dom);
	if (!rc && !pend[card][dom])
		rc = RC_NO_REPLY;
	if (!rc) {
		pend[card][dom] = 0;
		*psmid = psmids[card][dom];
		*len = min(size, sizeof(reply));
		memcpy(msg, reply, *len);
	}
	spin_unlock_irqrestore(&hwlock, f);
	return RC(rc) | Q_EMPTY;
}

void aphw_qci(u32 *flags, u8 *na, u8 *nd, u32 *apm, u32 *aqm, u32 *adm)
{
	unsigned long f;
	int i;

	*flags = 0xc0000000;	/* S and N: APXA is there */
	*na = hw_na;
	*nd = hw_nd;
	memset(apm, 0, 32);
	memset(aqm, 0, 32);
	memset(adm, 0, 32);
	spin_lock_irqsave(&hwlock, f);
	for (i = 0; i < NR; i++) {
		if (cards[i].present)
			apm[i / 32] |= 0x80000000u >> (i % 32);
		if (test_bit(i, doms))
			aqm[i / 32] |= 0x80000000u >> (i % 32);
		if (test_bit(i, ctrls))
			adm[i / 32] |= 0x80000000u >> (i % 32);
	}
	spin_unlock_irqrestore(&hwlock, f);
}

int aphw_sclp_configure(u32 apid, int on)
{
	unsigned long f;

	if (apid >= NR || !cards[apid].present)
		return -EIO;
	spin_lock_irqsave(&hwlock, f);
	cards[apid].config = on;
	spin_unlock_irqrestore(&hwlock, f);
	return 0;
}

static u32 mode_fac(const char *mode)
{
	u32 fac = 0xe2000000 & ~0x1c000000;	/* APSC, 4K, APXA */

	if (!strcmp(mode, "accel"))
		return fac | 0x08000000;
	if (!strcmp(mode, "ep11"))
		return fac | 0x04000000;
	return fac | 0x10000000;
}

/* "1,4-7,0x10" -> bitmap; numbers in base (16 in commands, 10 in parameters) */
static int parse_list(const char *s, int base, unsigned long *map)
{
	bitmap_zero(map, NR);
	while (*s) {
		char *e;
		unsigned long a = simple_strtoul(s, &e, base), z = a;

		if (e == s)
			return -EINVAL;
		if (*e == '-') {
			s = e + 1;
			z = simple_strtoul(s, &e, base);
			if (e == s)
				return -EINVAL;
		}
		if (a > z || z >= NR)
			return -ERANGE;
		bitmap_set(map, a, z - a + 1);
		s = e;
		if (*s == ',')
			s++;
		else if (*s)
			return -EINVAL;
	}
	return 0;
}

static int add_cards(const char *list, int base, int type, const char *mode)
{
	DECLARE_BITMAP(map, NR);
	unsigned long f;
	int i, rc = parse_list(list, base, map);

	if (rc)
		return rc;
	spin_lock_irqsave(&hwlock, f);
	for_each_set_bit(i, map, NR) {
		cards[i].present = cards[i].config = true;
		cards[i].chkstop = false;
		cards[i].type = type;
		cards[i].fac = mode_fac(mode);
	}
	spin_unlock_irqrestore(&hwlock, f);
	return 0;
}

/*
 * [quiet] card add LIST [TYPE [MODE]] | card del LIST | card config LIST 0|1
 * | card chkstop LIST 0|1 | dom add LIST | dom del LIST
 * | control add LIST | control del LIST
 * | queue rc CARD.DOM RC | scan            (all lists in hex)
 * Without "quiet" a configuration change is notified, as firmware does it,
 * and the bus scans at once; with it only the next periodic scan sees it.
 */
static int one_command(char *line)
{
	char *a[6] = { NULL }, *p;
	int n = 0, rc = 0, i, val;
	bool quiet = false;
	DECLARE_BITMAP(map, NR);
	unsigned long f;

	line = strim(line);
	if (!*line || *line == '#')
		return 0;
	if (!strncmp(line, "quiet ", 6)) {
		quiet = true;
		line += 6;
	}
	while (n < 6 && (p = strsep(&line, " ")))
		if (*p)
			a[n++] = p;
	if (n == 1 && !strcmp(a[0], "scan"))
		goto notify;
	if (aphw_extra) {
		rc = aphw_extra(n, a);
		if (rc != -ENOENT)
			return rc;
	}
	if (n < 3)
		return -EINVAL;
	val = n > 3 ? simple_strtol(a[3], NULL, 0) : 0;
	if (!strcmp(a[0], "card") && !strcmp(a[1], "add")) {
		rc = add_cards(a[2], 16, n > 3 ? val : 13, n > 4 ? a[4] : "cca");
		if (rc)
			return rc;
		goto notify;
	}
	if (!strcmp(a[0], "queue") && !strcmp(a[1], "rc") && n == 4) {
		unsigned int c, d;

		if (sscanf(a[2], "%x.%x", &c, &d) != 2 || c >= NR || d >= NR)
			return -EINVAL;
		qrc[c][d] = val;
		goto notify;
	}
	rc = parse_list(a[2], 16, map);
	if (rc)
		return rc;
	spin_lock_irqsave(&hwlock, f);
	for_each_set_bit(i, map, NR) {
		if (!strcmp(a[0], "dom") && !strcmp(a[1], "add")) {
			set_bit(i, doms);
			set_bit(i, ctrls);
		} else if (!strcmp(a[0], "dom") && !strcmp(a[1], "del")) {
			clear_bit(i, doms);
			clear_bit(i, ctrls);
		} else if (!strcmp(a[0], "control") && !strcmp(a[1], "add"))
			set_bit(i, ctrls);
		else if (!strcmp(a[0], "control") && !strcmp(a[1], "del"))
			clear_bit(i, ctrls);
		else if (!strcmp(a[0], "card") && !strcmp(a[1], "del"))
			cards[i].present = false;
		else if (!strcmp(a[0], "card") && !strcmp(a[1], "config"))
			cards[i].config = val;
		else if (!strcmp(a[0], "card") && !strcmp(a[1], "chkstop"))
			cards[i].chkstop = val;
		else
			rc = -EINVAL;
	}
	spin_unlock_irqrestore(&hwlock, f);
	if (rc)
		return rc;
notify:
	if (!quiet && hw_rescan)
		hw_rescan();
	if (!quiet)
		blocking_notifier_call_chain(&aphw_chsc_chain, 3, NULL);
	return 0;
}

static ssize_t ctl_write(struct file *file, const char __user *ubuf,
			 size_t count, loff_t *pos)
{
	char *buf, *p, *line;
	int rc = 0;

	if (count > 65536)
		return -E2BIG;
	buf = memdup_user_nul(ubuf, count);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	p = buf;
	while (!rc && (line = strsep(&p, "\n;")))
		rc = one_command(line);
	kfree(buf);
	return rc ? rc : count;
}

static const struct file_operations ctl_fops = {
	.owner = THIS_MODULE,
	.write = ctl_write,
};

int aphw_init(void (*rescan)(void))
{
	char *dup, *p, *spec;
	int rc = parse_list(hw_doms, 10, doms);

	bitmap_copy(ctrls, doms, NR);
	hw_rescan = rescan;
	if (rc)
		return rc;
	p = dup = kstrdup(hw_cards, GFP_KERNEL);
	if (!dup)
		return -ENOMEM;
	while (!rc && (spec = strsep(&p, ";"))) {
		char *list = strsep(&spec, ":"), *type = strsep(&spec, ":");

		if (*list)
			rc = add_cards(list, 10, type ? simple_strtol(type, NULL, 10) : 13,
				       spec ? spec : "cca");
	}
	kfree(dup);
	if (rc)
		return rc;
	hw_dir = debugfs_create_dir("aphw", NULL);
	debugfs_create_file("ctl", 0200, hw_dir, NULL, &ctl_fops);
	return 0;
}

void aphw_exit(void)
{
	debugfs_remove_recursive(hw_dir);
}

EXPORT_SYMBOL_GPL(aphw_facility);
EXPORT_SYMBOL_GPL(aphw_tapq);
EXPORT_SYMBOL_GPL(aphw_reset);
EXPORT_SYMBOL_GPL(aphw_aqic);
EXPORT_SYMBOL_GPL(aphw_qci);
EXPORT_SYMBOL_GPL(aphw_nqap);
EXPORT_SYMBOL_GPL(aphw_dqap);
