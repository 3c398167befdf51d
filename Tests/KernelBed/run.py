#!/usr/bin/env -S python3 -B
"""Runs a command in a guest with a real Linux kernel that has an AP bus.

usage: run.py --cache DIR [options] [--] COMMAND [ARG...]

The directory given with --share (default: the current one) is /share in the
guest and its working directory; the command is found there or in the guest.
The guest's output is printed as it is written. The exit status is the command's
(124: timeout; 125: the guest did not boot or crashed).
In the guest, "apload real|bus|sim [parameters]" loads the AP bus; with --ap it
is loaded before the first process of the root file system, as on a real machine
(--ap real+hw_cards=0-3:13:cca+hw_doms=0-7).
"""
import argparse, os, re, shlex, shutil, signal, subprocess, sys, tempfile, threading, time

ap = argparse.ArgumentParser(usage=__doc__)
ap.add_argument("--cache", required=True, help="directory that build.sh filled")
ap.add_argument("--kernel", default="debian", help="a directory under CACHE/kernels")
ap.add_argument("--root", default="busybox", choices=["busybox", "systemd"])
ap.add_argument("--share", default=".")
ap.add_argument("--timeout", type=float, default=60)
ap.add_argument("--memory", default="1024")
ap.add_argument("--cpus", default="2")
ap.add_argument("--accel", default="tcg,thread=multi")
ap.add_argument("--machine", default="pc")
ap.add_argument("--append", default="", help="further kernel parameters")
ap.add_argument("--console", help="keep the kernel's console output in this file")
ap.add_argument("--deb", action="append", default=[], help="systemd: install this .deb before systemd starts")
ap.add_argument("--ap", help="load the AP bus before init: FLAVOUR[+PARAMETER=VALUE...]")
ap.add_argument("--reboots", action="store_true", help="let the guest reboot; the command is run again after each boot")
ap.add_argument("--times", action="store_true", help="print how long the boot took")
ap.add_argument("command", nargs=argparse.REMAINDER)
a = ap.parse_args()
cmd = a.command[1:] if a.command[:1] == ["--"] else a.command
if not cmd:
    ap.error("no command")

k = os.path.join(a.cache, "kernels", a.kernel)
job = tempfile.mkdtemp(prefix="kbed.")
line = cmd[0] if len(cmd) == 1 else " ".join(shlex.quote(c) for c in cmd)
with open(os.path.join(job, "cmd"), "w") as f:
    f.write("export PATH=/bin:/sbin:/usr/bin:/usr/sbin:/ap\n" + line + "\n")
for d in a.deb:
    shutil.copy(d, job)
console = a.console or os.path.join(job, "console")
q = ["qemu-system-x86_64", "-accel", a.accel, "-M", a.machine, "-cpu", "max" if "tcg" in a.accel else "host",
     "-smp", a.cpus, "-m", a.memory, "-nodefaults", "-display", "none",
     *([] if a.reboots else ["-no-reboot"]),
     "-kernel", os.path.join(k, "vmlinux"), "-initrd", os.path.join(k, "initrd"),
     "-append", "console=ttyS0 panic=%d loglevel=5 nokaslr mitigations=off tsc=reliable no_timer_check random.trust_cpu=on "
                "systemd.show_status=0 kbed.root=%s %s %s" % (0 if a.reboots else -1, a.root, "kbed.ap=" + a.ap if a.ap else "", a.append),
     "-chardev", "file,id=con,path=" + console, "-serial", "chardev:con",
     "-chardev", "stdio,id=out,signal=off", "-serial", "chardev:out",
     "-virtfs", "local,path=%s,mount_tag=job,security_model=none" % job,
     "-virtfs", "local,path=%s,mount_tag=share,security_model=none,multidevs=remap" % os.path.abspath(a.share)]
if a.root == "systemd":
    q += ["-drive", "file=%s,if=virtio,format=raw,snapshot=on" % os.path.join(a.cache, "systemd.img")]
t0 = time.time()
p = subprocess.Popen(q, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
late = []


def stop():
    late.append(1)
    p.kill()


def watch():
    """Ends a guest whose kernel has panicked. Without --reboots, the restart after a panic ends it."""
    while p.poll() is None:
        time.sleep(1)
        try:
            with open(console, "rb") as log:
                if b"Kernel panic - not syncing" in log.read():
                    p.kill()
        except FileNotFoundError:
            pass


if a.reboots:
    threading.Thread(target=watch, daemon=True).start()
timer = threading.Timer(a.timeout, stop)
timer.start()
first = None
try:
    while True:
        b = os.read(p.stdout.fileno(), 65536)
        if not b:
            break
        if first is None:
            first = time.time()
        sys.stdout.buffer.write(b.replace(b"\r\n", b"\n"))
        sys.stdout.buffer.flush()
except KeyboardInterrupt:
    p.kill()
p.wait()
timer.cancel()
try:
    rc = int(open(os.path.join(job, "status")).read())
except (OSError, ValueError):
    rc = 124 if late else 125
    sys.stderr.write("run.py: %s; the end of the console output:\n" % ("time ran out" if late else "the guest ended without a status"))
    sys.stderr.write(open(console, errors="replace").read()[-3000:] + "\n")
if a.times:
    try:
        up = float(open(os.path.join(job, "uptime")).read())
    except (OSError, ValueError):
        up = -1
    sys.stderr.write("run.py: kernel start to command %.2f s by the guest's clock; whole run %.2f s\n" % (up, time.time() - t0))
shutil.rmtree(job)
sys.exit(rc)
