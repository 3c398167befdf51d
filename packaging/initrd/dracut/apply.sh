#!/bin/sh
# Dracut reads this file into its own shell.
/usr/libexec/apreserve/initrd-apply || warn "apreserve could not reserve AP queues"
