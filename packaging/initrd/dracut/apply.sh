#!/bin/sh
# Dracut reads this file into its own shell.
/usr/lib/apreserve/initrd-apply || warn "apreserve could not reserve AP queues"
