#!/bin/bash
# Reserves AP queues before the root file system is mounted. Only included on request, by
# add_dracutmodules+=" apreserve " in a file in /etc/dracut.conf.d.

check() {
  require_binaries /usr/bin/apreserve || return 1
  return 255
}

depends() {
  return 0
}

install() {
  inst_multiple mkdir /usr/bin/apreserve /usr/libexec/apreserve/initrd-apply
  "$dracutsysrootdir"/usr/libexec/apreserve/initrd-collect "$initdir" "$dracutsysrootdir"
  # Before udev loads the drivers of the cards.
  inst_hook pre-trigger 20 "$moddir/apply.sh"
}
