// SPDX-License-Identifier: GPL-2.0-only
/*
 * apsim - an AP bus look-alike for kernels that have none.
 *
 * Own code, written for tests: it registers the bus "ap", cards and queues
 * below /sys/devices/ap, and drivers cex4card, cex4queue and vfio_ap that
 * accept devices by the rules of one of three kernel generations:
 *   era=2018      no masks: any driver may be bound by hand
 *   era=mask      apmask/aqmask decide (Linux 4.20 to 6.18)
 *   era=override  masks, or driver_override per queue, never both (7.0 on)
 * Not there: mediated devices, CCA/EP11 attributes, crypto requests.
 * Unlike apreal/ it can make probes fail, slow them down, and mark queues as
 * used by a guest.  The adapters are those of aphw.c.
 */
#include <linux/module.h>
#include <linux/device.h>
#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <linux/ctype.h>
#if __has_include(<linux/hex.h>)
#include <linux/hex.h>
#endif
#include <linux/mod_devicetable.h>
#include "aphw.h"

#define NR 256
#define TEST(map, nr) test_bit((nr) ^ (BITS_PER_LONG - 1), map)

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define UEV_CONST const
#else
#define UEV_CONST
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define BUS_CONST const
#else
#define BUS_CONST
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define DRV_CONST const
#else
#define DRV_CONST
#endif

enum { ERA_2018, ERA_MASK, ERA_OVERRIDE };
static char *era = "mask";
module_param(era, charp, 0444);
static int gen = ERA_MASK;
static char *apmask, *aqmask;
module_param(apmask, charp, 0440);
module_param(aqmask, charp, 0440);
static bool vfio_first;		/* vfio_ap registers before the host's drivers */
module_param(vfio_first, bool, 0444);
static int config_time = 30;

struct simdev {
	struct device dev;
	u8 ap, dom;
	bool is_card, config, chkstop;
	int online;
	int type;
	u32 fac;
	char *override;
};
#define to_sim(d) container_of(d, struct simdev, dev)

struct simdrv {
	struct device_driver drv;
	bool dflt, cards;
};
#define to_simdrv(d) container_of(d, struct simdrv, drv)

static struct device *root;
static struct simdev *cards[NR], *(*queues)[NR];
static DECLARE_BITMAP(inuse, NR * NR);		/* assigned to a guest */
static unsigned long apm[4], aqm[4];
static DEFINE_MUTEX(mask_lock);
static DEFINE_MUTEX(scan_lock);
static bool masks_used;
static int overrides;
static u64 scans, complete_count;
static bool completed;	/* era override: sent since the last probe */
static int delay_probe, delay_remove;
static struct { bool on; char driver[16]; int ap, dom, err, count; } fail;
static struct bus_type sim_bus;

static const char *mode_of(struct simdev *s)
{
	return s->fac & 0x08000000 ? "accel" : s->fac & 0x10000000 ? "cca" :
	       s->fac & 0x04000000 ? "ep11" : NULL;
}

static void event(struct device *d, const char *a, const char *b)
{
	char *envp[] = { (char *)a, (char *)b, NULL };

	if (gen != ERA_2018)
		kobject_uevent_env(&d->kobj, KOBJ_CHANGE, envp);
}

static int sim_uevent(UEV_CONST struct device *d, struct kobj_uevent_env *env)
{
	UEV_CONST struct simdev *s = to_sim(d);
	const char *m;

	if (d == root)
		return 0;
	if (s->is_card || gen == ERA_2018) {
		if (add_uevent_var(env, "DEV_TYPE=%04X", s->type) ||
		    add_uevent_var(env, "MODALIAS=ap:t%02X", s->type))
			return -ENOMEM;
	}
	m = gen == ERA_2018 ? NULL : mode_of((struct simdev *)s);
	return m ? add_uevent_var(env, "MODE=%s", m) : 0;
}

static int sim_match(struct device *d, DRV_CONST struct device_driver *drv)
{
	struct simdev *s = to_sim(d);

	return s->type >= 10 && s->is_card == to_simdrv(drv)->cards;
}

static bool host_owned(struct simdev *s)
{
	return TEST(apm, s->ap) && TEST(aqm, s->dom);
}

static int count_one(struct device *d, void *data)
{
	unsigned int *c = data;

	if (!to_sim(d)->is_card) {
		c[0]++;
		if (d->driver)
			c[1]++;
	}
	return 0;
}

static void check_complete(void)
{
	unsigned int c[2] = { 0, 0 };
	char buf[40];

	if (!scans || gen == ERA_2018)
		return;
	bus_for_each_dev(&sim_bus, NULL, c, count_one);
	if (c[0] == c[1] && !completed) {
		completed = gen == ERA_OVERRIDE;
		snprintf(buf, sizeof(buf), "COMPLETECOUNT=%llu", ++complete_count);
		event(root, "BINDINGS=complete", buf);
	}
}

static ssize_t online_show(struct device *d, struct device_attribute *a, char *buf)
{
	struct simdev *s = to_sim(d);

	return sysfs_emit(buf, "%d\n", s->config && s->online ? 1 : 0);
}

static ssize_t online_store(struct device *d, struct device_attribute *a,
			    const char *buf, size_t count)
{
	struct simdev *s = to_sim(d);
	int on;

	if (sscanf(buf, "%d\n", &on) != 1 || on < 0 || on > 1)
		return -EINVAL;
	if (on && !s->config)
		return -ENODEV;
	s->online = on;
	event(d, on ? "ONLINE=1" : "ONLINE=0", NULL);
	for (int i = 0; s->is_card && i < NR; i++) {
		struct simdev *q = queues[s->ap][i];

		if (q && q->dev.driver && to_simdrv(q->dev.driver)->dflt && q->online != on) {
			q->online = on;
			event(&q->dev, on ? "ONLINE=1" : "ONLINE=0", NULL);
		}
	}
	return count;
}
static DEVICE_ATTR_RW(online);

static ssize_t zero_show(struct device *d, struct device_attribute *a, char *buf)
{
	return sysfs_emit(buf, "0\n");
}
static struct device_attribute dev_attr_load = __ATTR(load, 0444, zero_show, NULL);
static struct attribute *zc_attrs[] = { &dev_attr_online.attr, &dev_attr_load.attr, NULL };
static const struct attribute_group zc_group = { .attrs = zc_attrs };

static int sim_probe(struct device *d)
{
	struct simdev *s = to_sim(d);
	struct simdrv *drv = to_simdrv(d->driver);
	int rc = 0;

	if (!s->is_card && gen != ERA_2018) {
		mutex_lock(&mask_lock);
		if (s->override)
			rc = strcmp(s->override, drv->drv.name) ? -ENODEV : 0;
		else if (host_owned(s) != drv->dflt)
			rc = -ENODEV;
		mutex_unlock(&mask_lock);
		if (rc)
			return rc;
	}
	completed = false;
	if (delay_probe)
		msleep(delay_probe);
	if (fail.on && !strcmp(fail.driver, drv->drv.name) && !s->is_card &&
	    fail.ap == s->ap && fail.dom == s->dom) {
		if (fail.count > 0 && !--fail.count)
			fail.on = false;
		return -fail.err;
	}
	if (drv->dflt) {
		s->online = 1;
		rc = sysfs_create_group(&d->kobj, &zc_group);
		if (rc)
			return rc;
	}
	if (gen == ERA_MASK)	/* 6.9 and later: at the end of a scan only */
		check_complete();
	return 0;
}

static void sim_remove_dev(struct device *d)
{
	if (delay_remove)
		msleep(delay_remove);
	if (to_simdrv(d->driver)->dflt)
		sysfs_remove_group(&d->kobj, &zc_group);
}

/* attributes of cards and queues */
#define SHOW(name, fmt, expr)							\
static ssize_t name##_show(struct device *d, struct device_attribute *a, char *buf) \
{ struct simdev *s = to_sim(d); (void)s; return sysfs_emit(buf, fmt "\n", expr); }	\
static DEVICE_ATTR_RO(name)
SHOW(hwtype, "%d", s->type);
SHOW(raw_hwtype, "%d", s->type);
SHOW(depth, "%d", 8);
SHOW(ap_functions, "0x%08X", s->fac);
SHOW(requestq_count, "%d", 0);
SHOW(pendingq_count, "%d", 0);
SHOW(modalias, "ap:t%02X", s->type);
SHOW(chkstop, "%d", s->chkstop);
SHOW(max_msg_size, "%u", 12288);
SHOW(interrupt, "%s", "Interrupts disabled.");
SHOW(request_count, "%s", s->is_card || s->dev.driver ? "0" : "-");
static struct device_attribute dev_attr_qconfig;

static ssize_t config_show(struct device *d, struct device_attribute *a, char *buf)
{
	return sysfs_emit(buf, "%d\n", to_sim(d)->config);
}

static ssize_t config_store(struct device *d, struct device_attribute *a,
			    const char *buf, size_t count)
{
	struct simdev *s = to_sim(d);
	int on;

	if (sscanf(buf, "%d\n", &on) != 1 || on < 0 || on > 1)
		return -EINVAL;
	if (on != s->config && aphw_sclp_configure(s->ap, on))
		return -EIO;
	s->config = on;
	event(d, on ? "CONFIG=1" : "CONFIG=0", NULL);
	return count;
}
static DEVICE_ATTR_RW(config);
static struct device_attribute dev_attr_qconfig = __ATTR(config, 0444, config_show, NULL);

static ssize_t reset_show(struct device *d, struct device_attribute *a, char *buf)
{
	return sysfs_emit(buf, "No Reset Timer set.\n");
}

static ssize_t reset_store(struct device *d, struct device_attribute *a,
			   const char *buf, size_t count)
{
	return count;
}
static DEVICE_ATTR_RW(reset);

static ssize_t driver_override_show(struct device *d, struct device_attribute *a, char *buf)
{
	ssize_t n;

	mutex_lock(&mask_lock);
	n = sysfs_emit(buf, "%s\n", to_sim(d)->override ?: "");
	mutex_unlock(&mask_lock);
	return n;
}

static ssize_t driver_override_store(struct device *d, struct device_attribute *a,
				     const char *buf, size_t count)
{
	struct simdev *s = to_sim(d);
	char *new, *old;

	if (count >= PAGE_SIZE - 1)
		return -EINVAL;
	mutex_lock(&mask_lock);
	if (masks_used) {
		mutex_unlock(&mask_lock);
		return -EINVAL;
	}
	new = kstrndup(buf, strcspn(buf, "\n"), GFP_KERNEL);
	if (!new) {
		mutex_unlock(&mask_lock);
		return -ENOMEM;
	}
	old = s->override;
	if (*new) {
		s->override = new;
	} else {
		kfree(new);
		s->override = NULL;
	}
	overrides += !!s->override - !!old;
	mutex_unlock(&mask_lock);
	kfree(old);
	return count;
}
static DEVICE_ATTR_RW(driver_override);

static struct attribute *card_attrs[] = {
	&dev_attr_hwtype.attr, &dev_attr_raw_hwtype.attr, &dev_attr_depth.attr,
	&dev_attr_ap_functions.attr, &dev_attr_request_count.attr,
	&dev_attr_requestq_count.attr, &dev_attr_pendingq_count.attr,
	&dev_attr_modalias.attr, &dev_attr_config.attr, &dev_attr_chkstop.attr,
	&dev_attr_max_msg_size.attr, NULL
};
static struct attribute *queue_attrs[] = {
	&dev_attr_request_count.attr, &dev_attr_requestq_count.attr,
	&dev_attr_pendingq_count.attr, &dev_attr_reset.attr,
	&dev_attr_interrupt.attr, &dev_attr_qconfig.attr, &dev_attr_chkstop.attr,
	&dev_attr_driver_override.attr, NULL
};

static umode_t queue_visible(struct kobject *k, struct attribute *a, int n)
{
	if (a == &dev_attr_driver_override.attr && gen != ERA_OVERRIDE)
		return 0;
	if ((a == &dev_attr_qconfig.attr || a == &dev_attr_chkstop.attr) && gen == ERA_2018)
		return 0;
	return a->mode;
}
static const struct attribute_group card_group = { .attrs = card_attrs };
static const struct attribute_group queue_group = { .attrs = queue_attrs, .is_visible = queue_visible };
static const struct attribute_group *card_groups[] = { &card_group, NULL };
static const struct attribute_group *queue_groups[] = { &queue_group, NULL };
static const struct device_type card_type = { .name = "ap_card", .groups = card_groups };
static const struct device_type queue_type = { .name = "ap_queue", .groups = queue_groups };

/* bus attributes */
static int parse_mask(const char *s, const unsigned long *old, unsigned long *new)
{
	if (*s == '+' || *s == '-') {
		memcpy(new, old, 32);
		while (*s) {
			char sign = *s++, *e;
			unsigned long a, z;

			if (sign != '+' && sign != '-')
				return -EINVAL;
			a = z = simple_strtoul(s, &e, 0);
			if (e == s || a >= NR)
				return -EINVAL;
			s = e;
			if (*s == '-') {
				z = simple_strtoul(++s, &e, 0);
				if (e == s || a > z || z >= NR)
					return -EINVAL;
				s = e;
			}
			for (; a <= z; a++) {
				if (sign == '+')
					__set_bit(a ^ (BITS_PER_LONG - 1), new);
				else
					__clear_bit(a ^ (BITS_PER_LONG - 1), new);
			}
			while (*s == ',' || *s == '\n')
				s++;
		}
		return 0;
	}
	memset(new, 0, 32);
	if (*s == '0' && s[1] == 'x')
		s += 2;
	else if (*s == 'x')
		s++;
	for (int i = 0; isxdigit(*s) && i < NR; s++, i += 4)
		for (int n = 0; n < 4; n++)
			if (hex_to_bin(*s) & (8 >> n))
				__set_bit((i + n) ^ (BITS_PER_LONG - 1), new);
	if (*s == '\n')
		s++;
	return *s ? -EINVAL : 0;
}

static int revise_one(struct device *d, void *data)
{
	struct simdev *s = to_sim(d);

	int rc = 0;

	if (s->is_card || s->override)
		return 0;
	/* an unbound queue counts as not bound to a default driver (see README) */
	if (host_owned(s) != (d->driver && to_simdrv(d->driver)->dflt))
		rc = d->driver ? device_reprobe(d) : device_attach(d);
	if (rc < 0)
		pr_debug("apsim: reprobe of %s: %d\n", dev_name(d), rc);
	return 0;
}

static ssize_t mask_store(unsigned long *mask, const char *name,
			  const char *buf, size_t count)
{
	unsigned long new[4];
	char line[100];
	int rc, changed;

	if (mutex_lock_interruptible(&mask_lock))
		return -ERESTARTSYS;
	rc = gen == ERA_OVERRIDE && overrides ? -EINVAL : parse_mask(buf, mask, new);
	changed = !rc && memcmp(mask, new, 32);
	if (changed) {
		unsigned long *nap = mask == apm ? new : apm, *naq = mask == aqm ? new : aqm;
		unsigned long bit;

		for_each_set_bit(bit, inuse, NR * NR)
			if (TEST(nap, bit / NR) && TEST(naq, bit % NR))
				rc = -EBUSY;
		if (!rc) {
			memcpy(mask, new, 32);
			masks_used = ~(apm[0] & apm[1] & apm[2] & apm[3] &
				       aqm[0] & aqm[1] & aqm[2] & aqm[3]);
		}
	}
	mutex_unlock(&mask_lock);
	if (rc)
		return rc;
	if (changed) {
		bus_for_each_dev(&sim_bus, NULL, NULL, revise_one);
		snprintf(line, sizeof(line), "%s=0x%016lx%016lx%016lx%016lx%s", name,
			 new[0], new[1], new[2], new[3], gen == ERA_MASK ? "\n" : "");
		event(root, line, NULL);
	}
	return count;
}

#define BUSMASK(name, map, NAME)							\
static ssize_t name##_show(BUS_CONST struct bus_type *b, char *buf)			\
{ return sysfs_emit(buf, "0x%016lx%016lx%016lx%016lx\n", map[0], map[1], map[2], map[3]); } \
static ssize_t name##_store(BUS_CONST struct bus_type *b, const char *buf, size_t n)	\
{ return mask_store(map, NAME, buf, n); }						\
static BUS_ATTR_RW(name)
BUSMASK(apmask, apm, "APMASK");
BUSMASK(aqmask, aqm, "AQMASK");

#define BUSSHOW(name, fmt, expr)						\
static ssize_t name##_show(BUS_CONST struct bus_type *b, char *buf)		\
{ return sysfs_emit(buf, fmt "\n", expr); }
BUSSHOW(scans, "%llu", scans)
BUSSHOW(bindings_complete_count, "%llu", complete_count)
BUSSHOW(ap_max_domain_id, "%d", 255)
BUSSHOW(ap_max_adapter_id, "%d", 255)
BUSSHOW(config_time, "%d", config_time)
BUSSHOW(ap_domain, "%d", 0)
BUSSHOW(ap_interrupts, "%d", 0)
BUSSHOW(poll_thread, "%d", 0)
BUSSHOW(poll_timeout, "%d", 250000)

static void sim_scan(void);
static struct delayed_work scan_work;

static ssize_t scans_store(BUS_CONST struct bus_type *b, const char *buf, size_t n)
{
	sim_scan();
	return n;
}

static ssize_t config_time_store(BUS_CONST struct bus_type *b, const char *buf, size_t n)
{
	int t;

	if (sscanf(buf, "%d\n", &t) != 1 || t < 5 || t > 120)
		return -EINVAL;
	config_time = t;
	mod_delayed_work(system_long_wq, &scan_work, t * HZ);
	return n;
}

static ssize_t bindings_show(BUS_CONST struct bus_type *b, char *buf)
{
	unsigned int c[2] = { 0, 0 };

	bus_for_each_dev(&sim_bus, NULL, c, count_one);
	return sysfs_emit(buf, "%u/%u%s\n", c[1], c[0],
			  scans && c[0] == c[1] ? " (complete)" : "");
}
static BUS_ATTR_RW(scans);
static BUS_ATTR_RW(config_time);
static BUS_ATTR_RO(bindings);
static BUS_ATTR_RO(bindings_complete_count);
static BUS_ATTR_RO(ap_max_domain_id);
static BUS_ATTR_RO(ap_max_adapter_id);
static BUS_ATTR_RO(ap_domain);
static BUS_ATTR_RO(ap_interrupts);
static BUS_ATTR_RO(poll_thread);
static BUS_ATTR_RO(poll_timeout);

static struct attribute *bus_attrs[] = {
	&bus_attr_ap_domain.attr, &bus_attr_config_time.attr,
	&bus_attr_poll_thread.attr, &bus_attr_ap_interrupts.attr,
	&bus_attr_poll_timeout.attr, &bus_attr_ap_max_domain_id.attr,
	&bus_attr_ap_max_adapter_id.attr, &bus_attr_apmask.attr,
	&bus_attr_aqmask.attr, &bus_attr_scans.attr, &bus_attr_bindings.attr,
	&bus_attr_bindings_complete_count.attr, NULL
};

static umode_t bus_visible(struct kobject *k, struct attribute *a, int n)
{
	if (gen == ERA_2018 &&
	    (a == &bus_attr_apmask.attr || a == &bus_attr_aqmask.attr ||
	     a == &bus_attr_scans.attr || a == &bus_attr_bindings.attr ||
	     a == &bus_attr_ap_max_adapter_id.attr))
		return 0;
	if (a == &bus_attr_bindings_complete_count.attr && gen != ERA_OVERRIDE)
		return 0;
	return a->mode;
}
static const struct attribute_group bus_group = { .attrs = bus_attrs, .is_visible = bus_visible };
static const struct attribute_group *bus_groups[] = { &bus_group, NULL };

static struct bus_type sim_bus = {
	.name = "ap", .bus_groups = bus_groups, .match = sim_match,
	.uevent = sim_uevent, .probe = sim_probe, .remove = sim_remove_dev,
};

static struct simdrv drivers[] = {
	{ .drv = { .name = "cex4card", .owner = THIS_MODULE }, .dflt = true, .cards = true },
	{ .drv = { .name = "cex4queue", .owner = THIS_MODULE }, .dflt = true },
	{ .drv = { .name = "vfio_ap", .owner = THIS_MODULE } },
};

static void sim_release(struct device *d)
{
	struct simdev *s = to_sim(d);

	if (s->override) {
		mutex_lock(&mask_lock);
		overrides--;
		mutex_unlock(&mask_lock);
		kfree(s->override);
	}
	kfree(s);
}

static struct simdev *make(int ap, int dom, struct simdev *card, u64 gr2)
{
	struct simdev *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	s->ap = ap;
	s->is_card = !card;
	s->dom = card ? dom : 0;
	s->type = gr2 >> 24 & 0xff;
	s->fac = gr2 >> 32;
	s->dev.bus = &sim_bus;
	s->dev.parent = card ? &card->dev : root;
	s->dev.type = card ? &queue_type : &card_type;
	s->dev.release = sim_release;
	if (card)
		dev_set_name(&s->dev, "%02x.%04x", ap, dom);
	else
		dev_set_name(&s->dev, "card%02x", ap);
	return s;
}

static void drop(struct simdev **slot)
{
	if (*slot)
		device_unregister(&(*slot)->dev);
	*slot = NULL;
}

static void sim_scan(void)
{
	int ap, dom;

	mutex_lock(&scan_lock);
	for (ap = 0; ap < NR; ap++) {
		bool there = false;

		for (dom = 0; dom < NR; dom++) {
			u64 gr2;
			u32 rc = aphw_tapq(ap << 8 | dom, &gr2) >> 16 & 0xff;
			struct simdev *s = queues[ap][dom];
			bool config = rc != 3, chkstop = rc == 4;

			if (rc == 1 || (s && (s->type != (gr2 >> 24 & 0xff) || s->fac != gr2 >> 32))) {
				drop(&queues[ap][dom]);
				if (rc == 1)
					continue;
			}
			if (!there) {
				there = true;
				if (cards[ap] && cards[ap]->fac != gr2 >> 32) {
					for (int i = 0; i < NR; i++)
						drop(&queues[ap][i]);
					drop(&cards[ap]);
				}
				if (!cards[ap]) {
					cards[ap] = make(ap, 0, NULL, gr2);
					cards[ap]->config = config;
					cards[ap]->chkstop = chkstop;
					if (device_register(&cards[ap]->dev))
						pr_err("apsim: card%02x not registered\n", ap);
				} else if (cards[ap]->config != config) {
					cards[ap]->config = config;
					event(&cards[ap]->dev, config ? "CONFIG=1" : "CONFIG=0", NULL);
				}
				cards[ap]->chkstop = chkstop;
			}
			s = queues[ap][dom];
			if (!s) {
				s = queues[ap][dom] = make(ap, dom, cards[ap], gr2);
				s->config = config;
				s->chkstop = chkstop;
				if (device_register(&s->dev))
					pr_err("apsim: %02x.%04x not registered\n", ap, dom);
			} else if (s->config != config) {
				s->config = config;
				event(&s->dev, config ? "CONFIG=1" : "CONFIG=0", NULL);
			}
			s->chkstop = chkstop;
		}
		if (!there && cards[ap])
			drop(&cards[ap]);
	}
	if (++scans == 1) {
		event(root, "INITSCAN=done", NULL);
		check_complete();
	} else if (gen == ERA_OVERRIDE) {
		check_complete();
	}
	mutex_unlock(&scan_lock);
}

static void scan_fn(struct work_struct *w)
{
	sim_scan();
	queue_delayed_work(system_long_wq, &scan_work, config_time * HZ);
}

/*
 * fail DRIVER CARD.DOM ERRNO [COUNT] | fail off | delay probe|remove MS
 * | inuse CARD.DOM 0|1
 */
static int extra(int n, char **a)
{
	unsigned int ap, dom;

	if (!strcmp(a[0], "fail") && n == 2) {
		fail.on = false;
		return 0;
	}
	if (!strcmp(a[0], "fail") && n >= 4 && sscanf(a[2], "%x.%x", &ap, &dom) == 2) {
		strscpy(fail.driver, a[1], sizeof(fail.driver));
		fail.ap = ap;
		fail.dom = dom;
		fail.err = simple_strtol(a[3], NULL, 0);
		fail.count = n > 4 ? simple_strtol(a[4], NULL, 0) : 0;
		fail.on = true;
		return 0;
	}
	if (!strcmp(a[0], "delay") && n == 3) {
		*(strcmp(a[1], "probe") ? &delay_remove : &delay_probe) = simple_strtol(a[2], NULL, 0);
		return 0;
	}
	if (!strcmp(a[0], "inuse") && n == 3 && sscanf(a[1], "%x.%x", &ap, &dom) == 2 &&
	    ap < NR && dom < NR) {
		if (simple_strtol(a[2], NULL, 0))
			set_bit(ap * NR + dom, inuse);
		else
			clear_bit(ap * NR + dom, inuse);
		return 0;
	}
	return -ENOENT;
}

static struct device *vfio_root, *matrix;

static void matrix_release(struct device *d)
{
	kfree(d);
}

static int __init apsim_init(void)
{
	int i, rc;

	gen = !strcmp(era, "2018") ? ERA_2018 : !strcmp(era, "override") ? ERA_OVERRIDE : ERA_MASK;
	queues = vzalloc(sizeof(*queues) * NR);
	if (!queues)
		return -ENOMEM;
	memset(apm, 0xff, sizeof(apm));
	memset(aqm, 0xff, sizeof(aqm));
	if (apmask && parse_mask(apmask, apm, apm))
		return -EINVAL;
	if (aqmask && parse_mask(aqmask, aqm, aqm))
		return -EINVAL;
	masks_used = ~(apm[0] & apm[1] & apm[2] & apm[3] & aqm[0] & aqm[1] & aqm[2] & aqm[3]);
	aphw_extra = extra;
	rc = aphw_init(sim_scan);
	if (rc)
		return rc;
	rc = bus_register(&sim_bus);
	if (rc)
		return rc;
	root = root_device_register("ap");
	if (IS_ERR(root))
		return PTR_ERR(root);
	root->bus = &sim_bus;
	vfio_root = root_device_register("vfio_ap");
	matrix = kzalloc(sizeof(*matrix), GFP_KERNEL);
	matrix->parent = vfio_root;
	matrix->release = matrix_release;
	dev_set_name(matrix, "matrix");
	rc = device_register(matrix);
	for (i = 0; i < ARRAY_SIZE(drivers); i++) {
		struct device_driver *drv =
			&drivers[vfio_first ? (i + ARRAY_SIZE(drivers) - 1) % ARRAY_SIZE(drivers) : i].drv;

		drv->bus = &sim_bus;
		rc = driver_register(drv);
		if (rc)
			return rc;
	}
	__module_get(THIS_MODULE);	/* like the real bus: never unloaded */
	INIT_DELAYED_WORK(&scan_work, scan_fn);
	queue_delayed_work(system_long_wq, &scan_work, 0);
	return 0;
}
module_init(apsim_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("AP bus look-alike for tests");
