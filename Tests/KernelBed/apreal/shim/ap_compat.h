/* SPDX-License-Identifier: GPL-2.0-only */
/* Force-included before every file of the AP stack: what s390 has and x86 lacks. */
#ifndef AP_COMPAT_H
#define AP_COMPAT_H
#include <linux/types.h>
#include <linux/bitops.h>
#include <linux/smp.h>
#include <linux/version.h>
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

/* s390 bit numbering: bit 0 is the most significant bit of the first long */
#define AP_INV(nr) ((nr) ^ (BITS_PER_LONG - 1))
static inline void set_bit_inv(unsigned long nr, volatile unsigned long *p)
{ set_bit(AP_INV(nr), p); }
static inline void clear_bit_inv(unsigned long nr, volatile unsigned long *p)
{ clear_bit(AP_INV(nr), p); }
static inline bool test_and_clear_bit_inv(unsigned long nr, volatile unsigned long *p)
{ return test_and_clear_bit(AP_INV(nr), p); }
static inline bool test_and_set_bit_inv(unsigned long nr, volatile unsigned long *p)
{ return test_and_set_bit(AP_INV(nr), p); }
static inline void __set_bit_inv(unsigned long nr, volatile unsigned long *p)
{ __set_bit(AP_INV(nr), p); }
static inline void __clear_bit_inv(unsigned long nr, volatile unsigned long *p)
{ __clear_bit(AP_INV(nr), p); }
static inline bool test_bit_inv(unsigned long nr, const volatile unsigned long *p)
{ return test_bit(AP_INV(nr), p); }
static inline unsigned long find_next_bit_inv(const unsigned long *p,
					      unsigned long size, unsigned long off)
{
	while (off < size && !test_bit_inv(off, p))
		off++;
	return off;
}
static inline unsigned long find_first_bit_inv(const unsigned long *p, unsigned long size)
{ return find_next_bit_inv(p, size, 0); }
#define for_each_set_bit_inv(bit, addr, size)				\
	for ((bit) = find_first_bit_inv((addr), (size));		\
	     (bit) < (size);						\
	     (bit) = find_next_bit_inv((addr), (size), (bit) + 1))

static inline unsigned long *shim_bm(unsigned long *o, const unsigned int *p)
{
	int i;

	for (i = 0; i < 4; i++)
		o[i] = (unsigned long)p[2 * i] << 32 | p[2 * i + 1];
	return o;
}
#define SHIM_BM(x) shim_bm((unsigned long[4]){ 0 }, (x))
#define MACHINE_IS_VM 0
#ifndef __packed
#define __packed __attribute__((packed))
#endif
#endif
