/* SPDX-License-Identifier: GPL-2.0-only */
/* The s390 debug feature, reduced to pr_debug() */
#ifndef SHIM_ASM_DEBUG_H
#define SHIM_ASM_DEBUG_H
#include <linux/printk.h>
typedef struct debug_info { int level; } debug_info_t;
struct debug_view { int dummy; };
static struct debug_view debug_sprintf_view __maybe_unused;
static debug_info_t shim_debug_info __maybe_unused;
static inline debug_info_t *debug_register(const char *name, int pages, int nr, int size)
{ return &shim_debug_info; }
static inline void debug_unregister(debug_info_t *id) { }
static inline void debug_set_level(debug_info_t *id, int level) { }
static inline int debug_register_view(debug_info_t *id, struct debug_view *v) { return 0; }
#define debug_sprintf_event(id, level, fmt, ...) \
	({ (void)(id); if ((level) <= 4) no_printk(fmt, ##__VA_ARGS__); })
#define debug_text_event(id, level, txt) do { } while (0)
#endif
