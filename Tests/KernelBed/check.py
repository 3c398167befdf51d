#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Runs scenarios on real kernels in virtual machines and judges the owners of the queues.

usage: check.py --program FILE [options] [SCENARIO...]

Prints a line for each scenario and kernel. The exit status is the number of failures (at most 100). The results of
guests are deleted, except those of failures, which are kept in the directory "failed" of the cache.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import transcript
from judge import judge
from scenario import load_all

HERE = os.path.dirname(os.path.abspath(__file__))
# The kernels that are not built, but are Debian's own.
BINARY_KERNELS = ["debian-5.10", "debian", "debian-6.12"]


def arguments():
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "apreserve/kernel-bed")
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--program", required=True, help="the executable of apreserve")
    parser.add_argument("--deb", help="its Debian package, for scenarios that boot systemd")
    parser.add_argument("--cache", default=os.environ.get("KERNEL_BED_CACHE") or cache, help="the directory in which kernels are built and kept")
    parser.add_argument("--kernel", action="append", help="debian, debian-V or src-V; default: all that README.md names")
    parser.add_argument("--source", default=os.environ.get("KERNEL_BED_SOURCE") or "7.2", help="the V of the package linux-source-V")
    parser.add_argument("--record", metavar="DIR", help="keep the transcripts in this directory, as test data")
    parser.add_argument("--keep", metavar="DIR", help="keep the results of all guests in this directory")
    parser.add_argument("--timeout", type=float, default=300, help="the most seconds that a scenario may take")
    parser.add_argument("scenarios", nargs="*")
    return parser.parse_args()


def guest_root(program, directory):
    """Copies what the guest needs of this machine: the program and its libraries."""
    root = os.path.join(directory, "root")
    files = [(program, "/bin/apreserve")]
    loaded = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    files += [(path, path) for path in re.findall(r"(/\S+) \(0x", loaded)]
    for source, place in files:
        target = root + place
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)
    subprocess.run(["strip", root + "/bin/apreserve"], check=True)
    return root


def ap_check(cache):
    """The callout ap-check and the library that it needs, by their places in the guest; nothing where its sources cannot
    be had (Tests/Tools/ap-check)."""
    build = subprocess.run([os.path.join(HERE, "../Tools/ap-check"), os.path.join(cache, "ap-check")],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if build.returncode != 0:
        print("      without ap-check, whose sources cannot be downloaded; see AP_CHECK_SOURCE in Tests/Tools/ap-check")
        return {}
    program = build.stdout.strip()
    loaded = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    library = re.search(r"(/\S*libjson-c\S+) \(0x", loaded)[1]
    # In a merged /usr, a package with files below /lib would replace that link.
    return {"usr/lib/mdevctl/scripts.d/callouts/ap-check": program, "usr" + library.removeprefix("/usr"): library}


def scenario_package(scenario, directory, cache):
    """Builds a package of the scenario's first rules, and of ap-check if it needs mdevctl, for a root file system with
    systemd. It is installed together with that of apreserve before the guest boots, as by configuration management."""
    tree = os.path.join(directory, "package")
    parts = {"DEBIAN/control": "Package: scenario\nVersion: 1\nArchitecture: all\n"
                               "Maintainer: nobody <nobody@localhost>\nDescription: files of a scenario\n",
             "etc/apreserve/rules.d/50-scenario.rules": scenario.rules}
    for name, text in parts.items():
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        with open(os.path.join(tree, name), "w") as file:
            file.write(text)
    for name, source in (ap_check(cache) if "mdevctl" in scenario.packages else {}).items():
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        shutil.copy(source, os.path.join(tree, name))
    file = os.path.join(directory, "scenario.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, file], check=True, stdout=subprocess.DEVNULL)
    return file


def debian_package(cache, name):
    """The file of a package that build.sh has downloaded."""
    directory = os.path.join(cache, "debs/bookworm")
    return next(os.path.join(directory, file) for file in os.listdir(directory) if file.startswith(name + "_"))


def play(options, scenario, kernel, root):
    """Runs a scenario. Returns the directory of results, the finished process and the seconds that it took."""
    share = tempfile.mkdtemp(prefix="apreserve-bed.")
    shutil.copytree(root, os.path.join(share, "root"), copy_function=os.link)
    for file in (os.path.join(HERE, "guest/play"), scenario.path):
        shutil.copy(file, share)
    command = ["./play", "./" + os.path.basename(scenario.path), scenario.load, *scenario.machine]
    boot = []
    if scenario.root == "systemd":
        packages = [debian_package(options.cache, name) for name in scenario.packages]
        packages += [options.deb, scenario_package(scenario, share, options.cache)]
        boot = ["--root", "systemd", *(["--reboots"] if scenario.reboots else []),
                *(word for package in packages for word in ("--deb", package)),
                "--ap", "+".join(["bus", *scenario.machine])]
    start = time.monotonic()
    run = subprocess.run(
        [os.path.join(HERE, "run.py"), "--cache", options.cache, "--kernel", kernel, "--share", share,
         "--timeout", str(options.timeout), *boot, "--", *command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    out = os.path.join(share, "out")
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "console"), "w") as file:
        file.write(run.stdout)
    return out, run, time.monotonic() - start


def main():
    options = arguments()
    kernels = options.kernel or [*BINARY_KERNELS, "src-" + options.source]
    scenarios = load_all(os.path.join(HERE, "scenarios"), options.scenarios)
    systems = ["systemd"] if any(s.root == "systemd" for s in scenarios) else []
    packages = ["package-" + name for name in sorted({name for s in scenarios for name in s.packages})]
    if systems and not options.deb:
        sys.exit("check.py: scenarios that boot systemd need the Debian package: --deb FILE")
    subprocess.run([os.path.join(HERE, "build.sh"), options.cache, *kernels, *systems, *packages], check=True)
    # The guests' directories contain hard links to this one, so both are on one file system.
    workshop = tempfile.mkdtemp(prefix="apreserve-bed.")
    root = guest_root(options.program, workshop)
    passed, failed, applies, queues, moves, events = 0, [], 0, 0, 0, 0
    for kernel in kernels:
        for scenario in scenarios:
            if not scenario.runs_on(kernel):
                continue
            out, run, seconds = play(options, scenario, kernel, root)
            verdict = judge(out)
            if run.returncode != 0:
                verdict.faults.insert(0, f"the guest ended with {run.returncode}: {run.stdout.strip()[-500:]}")
            applies, queues = applies + verdict.applies, queues + verdict.queues
            moves, events = moves + verdict.moves, events + verdict.events
            good = not verdict.faults
            print(f"{'pass' if good else 'FAIL'}  {kernel:8} {scenario.name:38} {seconds:5.1f} s  "
                  f"{verdict.applies} runs, {verdict.moves} queues moved of {verdict.queues} judged", flush=True)
            for fault in verdict.faults[:20]:
                print(f"      {fault}", flush=True)
            if good:
                passed += 1
            else:
                failed.append(scenario.name)
            if options.record and good and transcript.is_replayable(out):
                transcript.record(out, os.path.join(options.record, scenario.name))
            keep = options.keep or (None if good else os.path.join(options.cache, "failed"))
            if keep:
                kept = os.path.join(keep, f"{scenario.name}-{kernel}")
                # Numbered files of an earlier run would be mistaken for results of this one.
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(out, kept)
                if not good:
                    print(f"      its results are in {kept}", flush=True)
            shutil.rmtree(os.path.dirname(out))
    shutil.rmtree(workshop)
    print(f"{passed} passed, {len(failed)} failed on {len(kernels)} kernels: {applies} runs of apply, {queues} owners "
          f"compared with their plans, {moves} queues moved, {events} events of the kernel")
    sys.exit(min(len(failed), 100))


if __name__ == "__main__":
    main()
