/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for <linux/kvm_host.h>: the few members that vfio_ap touches.
 * A guest is only an open mediated device (shim_new_kvm), and nothing runs in it:
 * the mediated device, its sysfs files and its locks are fully real.
 */
#ifndef SHIM_KVM_HOST_H
#define SHIM_KVM_HOST_H
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/mm.h>
#include <linux/hashtable.h>
#include <asm/uv.h>
#include <linux/slab.h>
#include <linux/version.h>
struct kvm_vcpu;
struct gmap;
static inline int gmap_convert_to_secure(struct gmap *gmap, unsigned long addr) { return 0; }
typedef int (*crypto_hook)(struct kvm_vcpu *vcpu);
struct kvm_s390_module_hook {
	int (*hook)(struct kvm_vcpu *vcpu);
	struct module *owner;
};
struct kvm_s390_gisa { u32 next_alert; };
struct kvm_s390_apcb1 { u64 apm[4]; u64 aqm[4]; u64 adm[4]; };
struct kvm_s390_crypto_cb { struct kvm_s390_apcb1 apcb1; };
struct kvm {
	struct mutex lock;
	struct {
		struct {
			struct kvm_s390_crypto_cb *crycb;
			struct rw_semaphore pqap_hook_rwsem;
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
			struct kvm_s390_module_hook *pqap_hook;
#else
			crypto_hook *pqap_hook;
#endif
			u32 crycbd;
		} crypto;
		struct { struct kvm_s390_gisa *origin; } gisa_int;
		struct gmap *gmap;
	} arch;
};
struct shim_sie { u32 eca; };
struct kvm_vcpu {
	struct kvm *kvm;
	struct { struct { struct { u64 gprs[16]; } regs; } s; } *run;
	struct { struct shim_sie *sie_block; } arch;
};
static inline struct kvm *shim_new_kvm(void)
{
	struct kvm *k = kzalloc(sizeof(*k), GFP_KERNEL | __GFP_NOFAIL);

	mutex_init(&k->lock);
	init_rwsem(&k->arch.crypto.pqap_hook_rwsem);
	k->arch.crypto.crycb = kzalloc(sizeof(*k->arch.crypto.crycb), GFP_KERNEL | __GFP_NOFAIL);
	k->arch.crypto.crycbd = 1;
	return k;
}
#define ECA_AIV 0x00200000
static inline bool kvm_is_error_hva(unsigned long addr) { return true; }
static inline unsigned long gfn_to_hva(struct kvm *kvm, u64 gfn) { return 0; }
static inline void kvm_get_kvm(struct kvm *kvm) { }
static inline void kvm_put_kvm(struct kvm *kvm) { }
static inline void kvm_arch_crypto_set_masks(struct kvm *kvm, unsigned long *apm,
					     unsigned long *aqm, unsigned long *adm) { }
static inline void kvm_arch_crypto_clear_masks(struct kvm *kvm) { }
static inline int kvm_s390_gisc_register(struct kvm *kvm, u32 gisc) { return -ENODEV; }
static inline int kvm_s390_gisc_unregister(struct kvm *kvm, u32 gisc) { return -ENODEV; }
static inline bool kvm_s390_is_gpa_in_memslot(struct kvm *kvm, u64 gpa) { return false; }
static inline int kvm_s390_pv_cpu_is_protected(struct kvm_vcpu *v) { return 0; }
#endif
