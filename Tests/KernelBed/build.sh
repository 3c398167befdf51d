#!/bin/bash
# build.sh CACHE [debian] [debian-V] [src-V] [systemd] [package-NAME]
#
# Fills CACHE with what run.py needs, from Debian's packages only, and leaves alone what is there:
#   debian   the kernel of Debian 12 as it is, and the AP bus for it
#   debian-V another kernel as Debian has it, whose tools run on Debian 12: 5.10 of Debian 11, and 6.12 of
#            Debian 13 as it is in the backports of Debian 12
#   src-V    a kernel built from the package linux-source-V with kernel.config, and the AP bus for it
#            (from the release of Debian that has it, or else from the suite $SUITE, default forky)
#   systemd  a root file system with systemd and udevd; made by root only
#   package-NAME
#            this package of Debian 12, for scenarios that install it in that root file system
# The AP bus: ap, zcrypt, zcrypt_cex4, vfio_ap (the kernel's own code from the source package on
# adapters in software, see apreal/), and for debian apsim (an imitation without masks, see apsim/).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 2; }
cache=$(mkdir -p "$1" && cd "$1" && pwd)
shift
export DEBIAN_FRONTEND=noninteractive
step() { printf 'kernel bed: %s  %s\n' "$(date +%T)" "$*" >&2; }

tools="qemu-system-x86 seabios ipxe-qemu busybox-static mmdebstrap cpio kmod e2fsprogs flex bison bc
	libelf-dev libssl-dev xz-utils zstd gcc make python3 udev debian-archive-keyring"
install_tools() {
	local missing=() sudo= t
	for t in $tools; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$t" 2>/dev/null)" = installed ] || missing+=("$t")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || { step "only root can install ${missing[*]}"; exit 1; }
		sudo=sudo
	fi
	step "installing ${missing[*]}"
	$sudo apt-get -qq -o DPkg::Lock::Timeout=300 update
	$sudo apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}" >"$cache/apt.log" 2>&1 ||
		{ tail -5 "$cache/apt.log" >&2; exit 1; }
}

# apt for a suite of Debian, whatever this machine itself is: with its own lists, from DEBIAN_MIRROR, or
# from the mirror that this machine uses if it is a Debian.
suite_apt() {	# suite_apt SUITE ARGUMENT...
	local suite=$1 d=$cache/apt-$1 mirror
	shift
	mirror=$("$here/../../packaging/debian-mirror") || exit 1
	mkdir -p "$d/lists/partial" "$d/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$d/sources.list"
	local user=()
	[ "$(id -u)" -ne 0 ] || user=(-o APT::Sandbox::User=root)
	local o=(-qq "${user[@]}" -o APT::Architecture=amd64 -o Dir::Etc::sourcelist="$d/sources.list" -o Dir::Etc::sourceparts=-
		-o Dir::State::lists="$d/lists" -o Dir::Cache="$d")
	[ -n "$(find "$d/lists" -name '*Packages*' -print -quit)" ] || apt-get "${o[@]}" update
	case $1 in
	depends) shift; apt-cache "${o[@]}" depends "$@" ;;
	names) shift; apt-cache "${o[@]}" pkgnames "$@" ;;
	*) apt-get "${o[@]}" "$@" ;;
	esac
}

get() {	# get SUITE PACKAGE...: downloads, and unpacks below CACHE/root
	local suite=$1 p debs=$cache/debs/$1
	shift
	mkdir -p "$debs"
	for p; do
		[ -n "$(find "$debs" -name "${p}_*.deb" -print -quit)" ] ||
			(cd "$debs" && suite_apt "$suite" download "$p") ||
			{ step "no package $p in Debian $suite"; return 1; }
		dpkg-deb -x "$debs/${p}"_*.deb "$cache/root"
	done
}

suite_of() {	# suite_of KERNEL-NAME
	case $1 in
	debian | src-6.1) echo bookworm ;;
	debian-5.10 | src-5.10) echo bullseye ;;
	debian-6.12) echo bookworm-backports ;;
	src-6.12) echo trixie ;;
	src-*) echo "${SUITE:-forky}" ;;
	*) step "unknown: $1"; return 2 ;;
	esac
}

source_tree() {	# source_tree SUITE VERSION: as CACHE/src/SUITE/linux-source-VERSION
	[ ! -d "$cache/src/$1/linux-source-$2" ] || return 0
	step "unpacking linux-source-$2"
	get "$1" "linux-source-$2" || {
		step "the suite has: $(suite_apt "$1" names linux-source- | sort -V | tr '\n' ' ')"
		exit 1
	}
	mkdir -p "$cache/src/$1"
	tar -C "$cache/src/$1" -xf "$cache/root/usr/src/linux-source-$2.tar.xz"
}

ap_modules() {	# ap_modules KERNEL-NAME SOURCE KDIR
	local k=$cache/kernels/$1 source=$2 kdir=$3 b
	step "the AP bus for $1"
	rm -rf "$k/ap"
	mkdir -p "$k/ap"
	b=$cache/apreal-$1
	python3 "$here/apreal/prepare.py" "$source" "$b" >/dev/null
	make -s -C "$kdir" M="$b" CC=gcc CONFIG_DEBUG_INFO_BTF_MODULES= modules >"$b.log" 2>&1 || { tail -30 "$b.log" >&2; exit 1; }
	cp "$b"/*.ko "$k/ap/"
	strip --strip-debug "$k"/ap/*.ko
	[ "$1" = debian ] || return 0
	b=$cache/apsim-$1
	rm -rf "$b"
	cp -r "$here/apsim" "$b"
	cp "$here"/apreal/aphw.[ch] "$b/"
	make -s -C "$kdir" M="$b" CC=gcc CONFIG_DEBUG_INFO_BTF_MODULES= modules >"$b.log" 2>&1 || { tail -30 "$b.log" >&2; exit 1; }
	cp "$b/apsim.ko" "$k/ap/"
	strip --strip-debug "$k/ap/apsim.ko"
}

initrd() {	# initrd KERNEL-NAME
	local k=$cache/kernels/$1 t=$cache/initrd-$1 l
	rm -rf "$t"
	mkdir -p "$t"/{bin,sbin,lib,lib64,proc,sys,dev,etc,root,run,tmp,share,job,boot,ap,usr/lib,usr/bin}
	cp /bin/busybox "$t/bin/"
	cp "$here/guest/init" "$t/init"
	cp "$here/guest/apload" "$t/ap/"
	chmod 755 "$t/init" "$t/ap/apload"
	[ ! -f "$k/boot.list" ] || { cp "$k/boot.list" "$t/"; cp "$k"/boot/* "$t/boot/"; }
	cp "$k"/ap/* "$t/ap/"
	for l in wr ulisten race vguest; do gcc -O2 -static -s -o "$t/ap/$l" "$here/guest/$l.c"; done
	(cd "$t" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$k/initrd"
}

# What the parts of a guest that come from here were made of.
origin() { (cd "$here" && find apreal apsim guest build.sh -type f -not -name play -print0 | sort -z | xargs -0 sha256sum | sha256sum); }
is_current() { [ "$(cat "$cache/kernels/$1/origin" 2>/dev/null)" = "$(origin)" ] && [ -s "$cache/kernels/$1/initrd" ]; }
made() { origin >"$cache/kernels/$1/origin"; }

module_list() {	# module_list RELEASE NAME...: in loading order
	local r=$1 m
	shift
	for m; do modprobe -d "$cache/root" -S "$r" --show-depends "$m" 2>/dev/null | awk '$1=="insmod"{print $2}'; done | awk '!s[$0]++'
}

copy_modules() {	# copy_modules DIRECTORY LIST RELEASE NAME...: writes their names into LIST, in loading order
	local d=$1 list=$2 r=$3 m n
	shift 3
	: >"$list"
	for m in $(module_list "$r" "$@"); do
		n=$(basename "${m%.xz}")
		case $m in *.xz) xz -dc "$m" >"$d/$n" ;; *) cp "$m" "$d/" ;; esac
		echo "$n" >>"$list"
	done
}

install_tools
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$cache/debs" "$cache/root" "$cache/src" "$cache/kernels"
for what; do case $what in
debian | debian-*)
	! is_current "$what" || continue
	suite=$(suite_of "$what")
	rel=$(suite_apt "$suite" depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-//p' | head -1)
	v=$(echo "$rel" | cut -d. -f1-2)
	step "Debian's kernel $rel"
	# shellcheck disable=SC2046 # two names
	get "$suite" "linux-image-$rel" "linux-headers-$rel" \
		$(suite_apt "$suite" depends "linux-headers-$rel" | grep -Eo 'linux-(headers-[^ ]*-common|kbuild-[^ ]*)$')
	h=$cache/root/usr/src/linux-headers-$rel
	sed -i "s#^include .*/usr/src/#include $cache/root/usr/src/#;s#^include /usr/src/#include $cache/root/usr/src/#" "$h/Makefile"
	source_tree "$suite" "$v"
	s=$cache/src/$suite/linux-source-$v
	k=$cache/kernels/$what
	mkdir -p "$k/boot"
	sh "$s/scripts/extract-vmlinux" "$cache/root/boot/vmlinuz-$rel" >"$k/vmlinux" 2>/dev/null
	depmod -b "$cache/root" "$rel"
	ap_modules "$what" "$s" "$h"
	copy_modules "$k/boot" "$k/boot.list" "$rel" virtio_pci 9pnet_virtio 9p virtio_blk ext4 rng-core
	copy_modules "$k/ap" "$k/ap/vfio.list" "$rel" vfio vfio_iommu_type1 mdev vfio_mdev
	initrd "$what"
	made "$what"
	;;
src-*)
	! is_current "$what" || continue
	v=${what#src-}
	suite=$(suite_of "$what")
	source_tree "$suite" "$v"
	s=$cache/src/$suite/linux-source-$v o=$cache/build-$v
	if [ ! -f "$o/.complete" ]; then
		step "building Linux $v, about 14 minutes of processor time"
		mkdir -p "$o"
		make -s -C "$s" O="$o" ARCH=x86_64 tinyconfig
		(cd "$o" && "$s/scripts/kconfig/merge_config.sh" -m -O "$o" .config "$here/kernel.config") >"$o/merge.log" 2>&1
		make -s -C "$s" O="$o" ARCH=x86_64 olddefconfig
		(while sleep 60; do step "... $(find "$o" -name '*.o' | wc -l) of about 2,100 files compiled"; done) &
		ticker=$!
		make -s -C "$s" O="$o" ARCH=x86_64 -j"$(nproc)" vmlinux modules >"$o/build.log" 2>&1 || { kill $ticker; tail -20 "$o/build.log" >&2; exit 1; }
		kill $ticker
		touch "$o/.complete"
	fi
	k=$cache/kernels/$what
	mkdir -p "$k"
	strip --strip-debug -o "$k/vmlinux" "$o/vmlinux"
	ap_modules "$what" "$s" "$o"
	: >"$k/ap/vfio.list"
	for m in $(find "$o/drivers/vfio" -name 'mdev.ko'); do cp "$m" "$k/ap/"; strip --strip-debug "$k/ap/mdev.ko"; echo mdev.ko >>"$k/ap/vfio.list"; done
	initrd "$what"
	made "$what"
	;;
systemd)
	r=$cache/sysroot
	[ "$(cat "$cache/systemd.origin" 2>/dev/null)" != "$(origin)" ] || continue
	[ "$(id -u)" -eq 0 ] || { step "the root file system with systemd needs root to be made"; exit 1; }
	if [ ! -d "$r/usr" ]; then
		step "a root file system with systemd"
		suite_apt bookworm check
		mmdebstrap --quiet --variant=minbase --mode=root --include=systemd,systemd-sysv,udev,kmod,dbus,procps \
			--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
			bookworm "$r" "$cache/apt-bookworm/sources.list"
	fi
	cp "$here"/guest/kbed-*.service "$r/etc/systemd/system/"
	cp "$here/guest/kbed-job" "$r/usr/local/sbin/"
	chmod 755 "$r/usr/local/sbin/kbed-job"
	mkdir -p "$r/etc/systemd/system/"{multi-user.target.wants,sysinit.target.wants}
	ln -sf ../kbed-job.service "$r/etc/systemd/system/multi-user.target.wants/"
	ln -sf ../kbed-early.service "$r/etc/systemd/system/sysinit.target.wants/"
	for u in getty@tty1.service serial-getty@ttyS0.service serial-getty@ttyS1.service systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service systemd-timesyncd.service; do
		ln -sf /dev/null "$r/etc/systemd/system/$u"
	done
	echo kbed >"$r/etc/hostname"
	echo 0123456789abcdef0123456789abcdef >"$r/etc/machine-id"
	rm -f "$r/etc/resolv.conf"
	rm -rf "$r"/var/lib/apt/lists/* "$r"/var/cache/apt/*.bin "$r"/usr/share/{doc,man,locale}/*
	step "systemd.img"
	rm -f "$cache/systemd.img"
	truncate -s 600M "$cache/systemd.img"
	mke2fs -q -t ext4 -O ^has_journal -d "$r" "$cache/systemd.img"
	origin >"$cache/systemd.origin"
	;;
package-*)
	[ -n "$(find "$cache/debs/bookworm" -name "${what#package-}_*.deb" -print -quit 2>/dev/null)" ] || get bookworm "${what#package-}"
	;;
*)	step "unknown: $what"; exit 2 ;;
esac; done
